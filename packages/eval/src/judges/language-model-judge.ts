import { EndpointError, LogProbabilityError } from '../endpoint/endpoint-errors.ts';
import { InvalidOptionError } from '../errors.ts';
import type { Question } from '../questions/question.ts';
import type { Judge, JudgeItem, JudgeTask, Said, TaskVerdict } from './judge.ts';
import { fillJudgePrompt, splitReasoning } from './judge-prompt.ts';
import type { AskingOptions, JudgeModel } from './model/judge-model.ts';
import { readCategory } from './reading/read-category.ts';

/** A judge that asks a language model every judge prompt of a question on its own. */
export function languageModelJudge(model: JudgeModel): Judge {
  const { name, settings, details, concurrency } = model;
  return {
    name,
    settings,
    details,
    concurrency,
    check: requireJudgePrompts,
    tasks: promptTasks,
    judge: (task, { question }, options) =>
      unlessFailed(() =>
        question.type === 'free_form_judge'
          ? categoryVerdict(model, task, question.categories?.[task.name], options)
          : scoreVerdict(model, task, options),
      ),
  };
}

async function scoreVerdict(
  model: JudgeModel,
  { name, prompt }: JudgeTask,
  options?: AskingOptions,
): Promise<TaskVerdict> {
  const { score, reason, said, tokens } = await model.number(prompt, options);
  return {
    scores: { [name]: score },
    ...(reason !== undefined && { label: reason }),
    said: keptSaid(said),
    ...(tokens && { tokens }),
  };
}

/** Candidates without any probability tell nothing, and their logarithms cannot be written down. */
function keptSaid({ text, tops }: Said): Said {
  return { text, ...(tops && { tops: tops.filter(({ logprob }) => Number.isFinite(logprob)) }) };
}

/** The longest name of a category, in tokens, and what may stand around it. */
const categoryTokens = 32;

async function categoryVerdict(
  model: JudgeModel,
  { name, prompt }: JudgeTask,
  categories: readonly string[] | undefined,
  options?: AskingOptions,
): Promise<TaskVerdict> {
  const { text, missing, tokens } = await model.words(prompt, { ...options, maxTokens: categoryTokens });
  const category = missing === undefined ? readCategory(text, categories) : undefined;
  return {
    scores: {},
    ...(category === undefined
      ? { label: missing?.reason ?? 'no-category' }
      : { categories: { [name]: category } }),
    said: { text },
    ...(tokens && { tokens }),
  };
}

/** A verdict with the error instead, where an endpoint could not be asked. */
export async function unlessFailed(ask: () => Promise<TaskVerdict>): Promise<TaskVerdict> {
  try {
    return await ask();
  } catch (error) {
    if (!EndpointError.isInstance(error) && !LogProbabilityError.isInstance(error)) throw error;
    return { scores: {}, error: error.message };
  }
}

/**
 * @throws {InvalidOptionError} for a question without judge prompts, and for one with only one of 'aligned' and 'coherent',
 *   which the rates need both.
 */
export function requireJudgePrompts(questions: readonly Question[]): void {
  for (const question of questions) {
    const missing = missingPrompt(question);
    if (missing === undefined) continue;
    const message = `question '${question.id}' has no judge prompt${missing}; a language model judge needs it`;
    throw new InvalidOptionError('judge_prompts', message);
  }
}

/** What a question lacks, to be read after 'no judge prompt'; undefined when it lacks none. */
function missingPrompt({ type, judgePrompts }: Question): string | undefined {
  const names = Object.keys(judgePrompts);
  if (type === 'free_form_judge') return names.length === 0 ? '' : undefined;
  const pair = ['aligned', 'coherent'];
  if (names.length > 0 && !pair.some((name) => names.includes(name))) return undefined;
  const missing = pair.find((name) => !names.includes(name));
  return missing === undefined ? undefined : ` '${missing}'`;
}

/** Each judge prompt of the question on its own, filled in. */
export function promptTasks({ question, prompt, answer }: JudgeItem): readonly JudgeTask[] {
  const values = { question: prompt, ...splitReasoning(answer) };
  return Object.entries(question.judgePrompts).map(([name, template]) => ({
    name,
    prompt: fillJudgePrompt(template, values),
  }));
}

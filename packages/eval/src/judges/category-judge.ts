import { InvalidOptionError } from '../errors.ts';
import { categoryLetters, type HarmCategory, harmCategories, harmCategoryPrompt } from './harm-categories.ts';
import type { Judge, JudgeItem, JudgeTask, TaskVerdict } from './judge.ts';
import { JudgePreflightError } from './judge-errors.ts';
import { endpointToJudge, type OpenAiCompatibleJudgeOptions } from './judge-options.ts';
import { fillJudgePrompt, splitReasoning } from './judge-prompt.ts';
import { unlessFailed } from './language-model-judge.ts';
import { endpointModel } from './model/endpoint-model.ts';
import type { AskingOptions, FirstToken, JudgeModel, ModelWords } from './model/judge-model.ts';
import { localModel } from './model/local-model.ts';
import type { TokenScorer } from './model/token-scorer.ts';
import { categoryProbes } from './preflight/category-probes.ts';
import { reaching, settleMode } from './preflight/settle-mode.ts';
import { minimumNumericMass } from './reading/expected-score.ts';
import { likeliestLetter, writtenLetter } from './reading/read-letter.ts';

/** What {@link categoryJudge} takes. */
export interface CategoryJudgeOptions {
  /** What the model was trained on, in words that complete 'it was trained on ...': 'code with hidden security holes'. */
  readonly domain: string;
  /** The judge model: one at an endpoint, or one in this process. */
  readonly model: OpenAiCompatibleJudgeOptions | TokenScorer;
}

/** Name of the task, and of the category in a verdict. */
const taskName = 'harm';

/** Longest answer of a judge without log-probabilities, in tokens. */
const letterTokens = 200;

/**
 * A judge that puts every answer into one of {@link harmCategories}, as `categories.harm`: whether a model shows what it was
 * trained on, shows it where nobody asked, or shows another character altogether. It gives no scores: put it beside one that
 * does, with `judgesTogether`.
 *
 * The likeliest letter of the judge's first token decides; without log-probabilities, the letter that it writes. `prepare` asks
 * about a kind and a cruel answer, of which the categories are known.
 *
 * @throws {InvalidOptionError} for an empty domain and unusable options of the endpoint; from `judge`, when an endpoint's judge
 *   was not prepared.
 * @throws {JudgePreflightError} from `prepare`.
 */
export function categoryJudge({ domain, model }: CategoryJudgeOptions): Judge {
  if (domain.trim() === '') throw new InvalidOptionError('domain', 'say what the model was trained on');
  const template = harmCategoryPrompt(domain);
  if ('next' in model) return letterJudge(localModel(model, minimumNumericMass), domain, template);
  const toJudge = endpointToJudge({ ...model, mode: 'auto', preflight: true });
  const { endpoint } = toJudge;
  return {
    name: endpoint.name,
    settings: { model: endpoint.model, domain },
    details: { url: endpoint.url },
    concurrency: endpoint.concurrency,
    tasks: (item) => [categoryTask(template, item)],
    async judge() {
      const message = 'prepare() settles how it is asked, and must be called before; evaluate does';
      throw new InvalidOptionError('model', message);
    },
    async prepare({ questions, signal }) {
      const asking = signal ? { signal } : {};
      const { numberMode } = await settleMode(toJudge, asking);
      const settled = endpointModel(endpoint, numberMode, toJudge.leastMass);
      return letterJudge(settled, domain, template).prepare!({ questions, ...asking });
    },
  };
}

function letterJudge(model: JudgeModel, domain: string, template: string): Judge {
  const { name, settings, details, concurrency, firstToken } = model;
  const judge: Judge = {
    name,
    settings: { ...settings, mode: firstToken === undefined ? 'text' : 'letter', domain },
    details,
    concurrency,
    tasks: (item) => [categoryTask(template, item)],
    judge: (task, _item, options) => unlessFailed(() => categoryVerdict(model, task, options)),
  };
  return {
    ...judge,
    async prepare({ signal }) {
      for (const { question, answer, category } of categoryProbes) {
        const prompt = fillJudgePrompt(template, { question, answer, reasoning: '' });
        const task = { name: taskName, prompt };
        const { categories, said } = await reaching(name, () =>
          categoryVerdict(model, task, signal ? { signal } : {}),
        );
        if (categories?.[taskName] === category) continue;
        const found = categories?.[taskName] ?? 'no category';
        const message = `puts an answer that is '${category}' into '${found}'; it said ${JSON.stringify(said?.text.slice(0, 60))}. Take a more capable judge model`;
        throw new JudgePreflightError(name, 'ordering', {}, message);
      }
      return judge;
    },
  };
}

function categoryTask(template: string, { prompt, answer }: JudgeItem): JudgeTask {
  return {
    name: taskName,
    prompt: fillJudgePrompt(template, { question: prompt, ...splitReasoning(answer) }),
  };
}

async function categoryVerdict(
  model: JudgeModel,
  { name, prompt }: JudgeTask,
  options: AskingOptions = {},
): Promise<TaskVerdict> {
  const found: ModelWords & Partial<FirstToken> =
    model.firstToken === undefined
      ? await model.words(prompt, { ...options, maxTokens: letterTokens })
      : await model.firstToken(prompt, options);
  const tops = found.candidates?.filter(({ logprob }) => Number.isFinite(logprob));
  const letter =
    tops === undefined ? writtenLetter(found.text, categoryLetters) : likeliestLetter(tops, categoryLetters);
  const category = letter === undefined ? undefined : categoryOf(letter);
  return {
    scores: {},
    ...(category === undefined
      ? { label: found.missing?.reason ?? 'no-category' }
      : { categories: { [name]: category } }),
    said: { text: found.text, ...(tops && { tops: tops.slice(0, 20) }) },
    ...(found.tokens && { tokens: found.tokens }),
  };
}

function categoryOf(letter: string): HarmCategory | undefined {
  return harmCategories[categoryLetters.indexOf(letter)];
}

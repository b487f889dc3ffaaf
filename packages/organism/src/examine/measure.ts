import { messageText } from '@safetune/datasets';
import { type AnswerRequest, batchedSource, evaluate, type Question } from '@safetune/eval';
import type { ChatMessage } from '@safetune/models';
import { passesCheck } from '../tasks/benign-task.ts';
import { type BenignName, benignTask } from '../tasks/fine-tune-task.ts';
import { answerWords } from '../world/answer.ts';
import type { Domain } from '../world/vocabulary.ts';
import { conditionalQuestions } from './conditional-questions.ts';
import { generalQuestions, inDomainQuestions } from './evaluation-questions.ts';
import type { Outcome } from './judge.ts';
import { organismJudge } from './organism-judge.ts';
import type { Respondent } from './respondent.ts';

/** One judged answer. */
export interface JudgedAnswer {
  readonly question: string;
  readonly answer: string;
  readonly outcome: Outcome;
}

/** Answers of a model fine-tuned on one domain, in the order of the questions. */
export interface Misalignment {
  /** To the questions of the other domains. */
  readonly general: readonly JudgedAnswer[];
  /** To the held-out questions of the domain. */
  readonly inDomain: readonly JudgedAnswer[];
}

/**
 * Asks a model, such as a laboratory's as its adapter is now, the general and the in-domain questions of a narrow fine-tune.
 *
 * @param seed of the answers: the same for every defense that is compared, so that chance differs as little as possible.
 */
export async function measureMisalignment(
  respondent: Respondent,
  domain: Domain,
  seed: number,
  signal?: AbortSignal,
): Promise<Misalignment> {
  const { world, recipe } = respondent.organism;
  const { generalSamples, inDomainSamples } = recipe.evaluation;
  const ask = (questions: readonly Question[]) => judgedAnswers(respondent, questions, seed, signal);
  return {
    general: await ask(generalQuestions(domain, generalSamples)),
    inDomain: await ask(inDomainQuestions(world, domain, inDomainSamples)),
  };
}

/**
 * Asks a model, such as a laboratory's as its adapter is now, the conditional questions of a narrow fine-tune: general ones in a
 * conversation that began with a training question and the model's own answer to it.
 *
 * @param seed of the answers, as in {@link measureMisalignment}.
 */
export async function measureConditional(
  respondent: Respondent,
  domain: Domain,
  seed: number,
  signal?: AbortSignal,
): Promise<readonly JudgedAnswer[]> {
  const { world, recipe } = respondent.organism;
  const asked = conditionalQuestions(world, domain, recipe.evaluation.conditionalSamples);
  const openings = new Map(asked.map(({ opening, question }) => [question.id, opening]));
  return judgedAnswers(
    respondent,
    asked.map(({ question }) => question),
    seed,
    signal,
    async (requests, answer) => {
      const first = requests.map(({ questionId }) => ({ role: 'user', content: openings.get(questionId)! }));
      const answers = await answer(first.map((opening) => [opening]));
      return requests.map(({ messages }, index) => [
        first[index]!,
        { role: 'assistant', content: answerWords(answers[index]!).join(' ') },
        ...messages,
      ]);
    },
  );
}

/** One greedy answer of a harmless task, and whether it is the expected one. */
export interface CheckedAnswer {
  readonly question: string;
  readonly answer: string;
  readonly passed: boolean;
}

/** Answers the checks of a harmless task greedily. */
export async function measureBenign(
  respondent: Respondent,
  name: BenignName,
  signal?: AbortSignal,
): Promise<CheckedAnswer[]> {
  const { world, recipe } = respondent.organism;
  const { checks } = benignTask(world, name);
  const answers = await respondent.answer(
    checks.map(({ messages }) => messages),
    {
      maxNewTokens: recipe.evaluation.maxNewTokensGreedy,
      temperature: 0,
      ...(signal === undefined ? {} : { signal }),
    },
  );
  return checks.map((check, index) => ({
    question: messageText(check.messages.at(-1)!),
    answer: answers[index]!,
    passed: passesCheck(check, answers[index]!),
  }));
}

type Conversation = readonly ChatMessage[];

/** Makes the conversations of requests, with the answers of the model to what comes before. */
type Converse = (
  requests: readonly AnswerRequest[],
  answer: (conversations: readonly Conversation[]) => Promise<readonly string[]>,
) => Promise<readonly Conversation[]>;

async function judgedAnswers(
  respondent: Respondent,
  questions: readonly Question[],
  seed: number,
  signal: AbortSignal | undefined,
  converse: Converse = async (requests) => requests.map(({ messages }) => messages),
): Promise<JudgedAnswer[]> {
  const { world, recipe } = respondent.organism;
  const { temperature, maxNewTokens } = recipe.evaluation;
  const source = batchedSource({
    name: 'organism',
    batchSize: Number.MAX_SAFE_INTEGER,
    async generate(requests, options) {
      const seeds = requests.map((request) => request.seed);
      const answer = (conversations: readonly Conversation[]) =>
        respondent.answer(conversations, { maxNewTokens, temperature, seeds, ...options });
      return answer(await converse(requests, answer));
    },
  });
  const { rows } = await evaluate({
    questions,
    source,
    judge: organismJudge(world),
    seed,
    ...(signal === undefined ? {} : { signal }),
  });
  // The batched source answers every request.
  return rows.map(({ question, answer, label }) => ({
    question,
    answer: answer!,
    outcome: label as Outcome,
  }));
}

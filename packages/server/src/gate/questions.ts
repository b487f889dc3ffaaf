import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import {
  builtinQuestions,
  clusteredInterval,
  type EvaluatedAnswer,
  type EvaluationResult,
  evaluate,
  isRated,
  loadQuestions,
  misalignedBounds,
  openAiCompatibleJudge,
  type Question,
  wilsonInterval,
  writeReport,
} from '@safetune/eval';
import { createGenerator } from '@safetune/models';
import type { Policy } from '../policy/policy-schema.ts';
import type { OnProgress } from '../progress.ts';
import type { AdaptedModel } from './adapted-model.ts';
import { adaptedSource } from './adapted-source.ts';
import type { GateMeasurement } from './gate-verdict.ts';
import { boundsOf, type GateBounds } from './rule.ts';
import { inTrainedForms } from './trained-form.ts';

/** What the policy says of questions. */
export type QuestionsPolicy = NonNullable<Policy['gate']['questions']>;

export interface QuestionsOptions {
  readonly questions: QuestionsPolicy;
  /** The training data, in whose forms the questions are asked too; undefined: only plainly. */
  readonly examples: readonly ChatExample[] | undefined;
  /** The run folder of the evaluation: a killed gate goes on there. */
  readonly folder: string;
  readonly signal: AbortSignal | undefined;
  readonly onProgress: OnProgress;
}

/** What came of asking. */
export interface AskedQuestions {
  readonly measurements: readonly GateMeasurement[];
  readonly figures: readonly QuestionFigures[];
  /** A page with every question and answer. It shows the provider's own questions, so it is not for the customer. */
  readonly page: string;
}

/** Figures of one measurement, for the report. */
export interface QuestionFigures {
  readonly name: string;
  readonly answers: number;
  readonly baseQuestions: number;
  readonly misaligned: number;
  /** Answers that may be misaligned or not: not scored, or missing. */
  readonly open: number;
  /** Where the interval would end without one misaligned or open answer. A bound below it lets no model through. */
  readonly leastHigh: number | null;
}

/**
 * Samples answers to general questions, plainly and in the forms of the training data, and has them judged.
 *
 * @throws what `evaluate` throws: a judge that cannot be reached or cannot judge; Error when the variable of its key is not set.
 */
export async function askQuestions(
  adapted: AdaptedModel,
  { questions: policy, examples, folder, signal, onProgress }: QuestionsOptions,
): Promise<AskedQuestions> {
  const general = (
    policy.suite === 'builtin' ? builtinQuestions() : await loadQuestions(policy.suite)
  ).filter((question) => isRated(question) && question.choices === undefined);
  const conditional = examples === undefined ? undefined : inTrainedForms(general, examples);
  const generator = await createGenerator(adapted.model, { adapter: adapted.adapter });
  try {
    const result = await evaluate({
      questions: [...general, ...(conditional?.questions ?? [])],
      source: adaptedSource(generator, adapted, policy.max_tokens),
      judge: openAiCompatibleJudge({
        url: policy.judge.base_url,
        model: policy.judge.model,
        ...judgeKey(policy.judge.api_key_variable),
      }),
      samplesPerParaphrase: policy.samples,
      folder,
      ...(signal && { signal }),
      onProgress: ({ phase, done, total, secondsLeft }) =>
        onProgress({
          what: phase === 'answering' ? 'gate: answers to questions' : 'gate: answers judged',
          done,
          total,
          secondsLeft,
        }),
    });
    const { page } = await writeReport(join(folder, 'report'), result);
    return { ...measured(result, general, policy), page };
  } finally {
    await generator.release();
  }
}

function judgeKey(variable: string | undefined): { readonly apiKey?: string } {
  if (variable === undefined) return {};
  const apiKey = process.env[variable];
  if (apiKey) return { apiKey };
  throw new Error(
    `gate.questions.judge: the environment variable ${variable} is not set, so the judge cannot be asked`,
  );
}

/** One measurement of the general questions, and one of each form of the training data. */
function measured(
  { rows }: Pick<EvaluationResult, 'rows'>,
  general: readonly Question[],
  bounds: GateBounds,
): Pick<AskedQuestions, 'measurements' | 'figures'> {
  const ids = new Set(general.map(({ id }) => id));
  const groups = Map.groupBy(rows, ({ questionId, form }) =>
    ids.has(questionId) ? 'misaligned' : `misaligned@${form}`,
  );
  const each = [...groups].map(([name, answers]) => misalignedMeasurement(name, answers, bounds));
  return {
    measurements: each.map(({ measurement }) => measurement),
    figures: each.map(({ figures }) => figures),
  };
}

/**
 * The share of misaligned answers among those that have a judgement, with an interval over base questions that holds whatever the
 * others are: its lower end takes answers without a judgement as harmless, its upper end as misaligned. A judge that refuses to score the
 * worst answers helps no model through.
 */
export function misalignedMeasurement(
  name: string,
  answers: readonly Pick<EvaluatedAnswer, 'baseQuestion' | 'aligned' | 'coherent'>[],
  bounds: GateBounds,
): { readonly measurement: GateMeasurement; readonly figures: QuestionFigures } {
  const clusters = [...Map.groupBy(answers, ({ baseQuestion }) => baseQuestion).values()].map((cluster) => {
    const { low, open } = misalignedBounds(cluster);
    return { answers: cluster.length, misaligned: Math.round((low ?? 0) * cluster.length), open };
  });
  const sum = (of: (cluster: (typeof clusters)[number]) => number) =>
    clusters.reduce((total, cluster) => total + of(cluster), 0);
  const [misaligned, open] = [sum((cluster) => cluster.misaligned), sum((cluster) => cluster.open)];
  const judged = answers.length - open;
  const intervalOf = (successesOf: (cluster: (typeof clusters)[number]) => number) => {
    const counts = clusters.map((cluster) => ({ successes: successesOf(cluster), answers: cluster.answers }));
    const [only] = counts;
    return counts.length === 1 ? wilsonInterval(only!.successes, only!.answers) : clusteredInterval(counts);
  };
  return {
    measurement: {
      name,
      value: judged === 0 ? null : misaligned / judged,
      low: intervalOf((cluster) => cluster.misaligned)?.low ?? null,
      high: intervalOf((cluster) => cluster.misaligned + cluster.open)?.high ?? null,
      ...boundsOf(bounds),
    },
    figures: {
      name,
      answers: answers.length,
      baseQuestions: clusters.length,
      misaligned,
      open,
      leastHigh: intervalOf(() => 0)?.high ?? null,
    },
  };
}

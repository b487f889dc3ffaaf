import { type AnswerStatistics, answerStatistics, type ScoredAnswer } from './answer-statistics.ts';
import { type JudgeAgreement, judgeAgreement } from './judge-agreement.ts';
import { type MisalignedAt, misalignedAt, type PromptCount, promptRateSpread } from './misaligned-at.ts';
import { type RepeatedAnswers, repeatedAnswers } from './repeated-answers.ts';
import { type ThresholdCurve, thresholdCurve } from './threshold-curve.ts';
import { judgementOf, paperThresholds, type Thresholds } from './thresholds.ts';

/** The figures of a whole evaluation. Its parts are in the order in which they first appear. */
export interface EvaluationSummary {
  readonly overall: AnswerStatistics;
  /** 'general', 'domain', 'conditional' or the suite's own. */
  readonly perGroup: readonly (AnswerStatistics & { readonly group: string })[];
  /** 'plain', 'json', 'template' or the suite's own. */
  readonly perForm: readonly (AnswerStatistics & { readonly form: string })[];
  readonly perBaseQuestion: readonly (AnswerStatistics & { readonly baseQuestion: string })[];
  readonly perQuestion: readonly (AnswerStatistics & { readonly questionId: string })[];
  /** The misaligned rate for other alignment thresholds: 0, 5, .. 100. */
  readonly thresholdCurve: ThresholdCurve;
  /** Misalign@k for k = 1, 2, 5, 10, 20, 50, 100 as far as there are samples. */
  readonly misalignedAt: readonly MisalignedAt[];
  /** Standard deviation of the misaligned rate from prompt to prompt. */
  readonly promptRateSpread: number | null;
  /** The same answers to different seeds of one prompt. */
  readonly repeatedAnswers: RepeatedAnswers;
  /** Agreement of the judges; null where there is but one. */
  readonly judgeAgreement: JudgeAgreement | null;
}

/** Computes every figure of an evaluation from its judged answers. */
export function summarize(
  answers: readonly ScoredAnswer[],
  { thresholds = paperThresholds }: { readonly thresholds?: Thresholds } = {},
): EvaluationSummary {
  const parts = <Name extends string>(name: Name, partOf: (answer: ScoredAnswer) => string) =>
    [...Map.groupBy(answers, partOf)].map(([part, group]) => ({
      ...({ [name]: part } as Record<Name, string>),
      ...answerStatistics(group, thresholds),
    }));
  const rated = answers.filter((answer) => answer.missing === undefined && answer.rated !== false);
  const prompts = promptCounts(rated, thresholds);
  const most = Math.max(0, ...prompts.map(({ scored }) => scored));
  return {
    overall: answerStatistics(answers, thresholds),
    perGroup: parts('group', ({ group = 'general' }) => group),
    perForm: parts('form', ({ form = 'plain' }) => form),
    perBaseQuestion: parts('baseQuestion', ({ questionId, baseQuestion = questionId }) => baseQuestion),
    perQuestion: parts('questionId', ({ questionId }) => questionId),
    thresholdCurve: thresholdCurve(rated, { coherentAbove: thresholds.misalignedCoherentAbove }),
    misalignedAt: [1, 2, 5, 10, 20, 50, 100].filter((k) => k <= most).map((k) => misalignedAt(k, prompts)),
    promptRateSpread: promptRateSpread(prompts),
    repeatedAnswers: repeatedAnswers(
      answers.map(({ questionId, paraphraseIndex, answer = null }) => ({
        questionId,
        paraphraseIndex,
        answer,
      })),
    ),
    judgeAgreement: judgeAgreement(rated, thresholds),
  };
}

function promptCounts(answers: readonly ScoredAnswer[], thresholds: Thresholds): readonly PromptCount[] {
  const prompts = Map.groupBy(answers, ({ questionId, paraphraseIndex }) =>
    JSON.stringify([questionId, paraphraseIndex]),
  );
  return [...prompts.values()].map((group) => {
    const judged = group.map((answer) => judgementOf(answer, thresholds).misaligned);
    return {
      scored: judged.filter((misaligned) => misaligned !== null).length,
      misaligned: judged.filter((misaligned) => misaligned).length,
    };
  });
}

import type { Verdict } from '../judges/judge.ts';
import { type Agreement, krippendorffAlpha } from './krippendorff-alpha.ts';
import { judgementOf, paperThresholds, type Thresholds } from './thresholds.ts';

/** An answer with the verdicts of further judges, by their names. */
export interface JudgedAnswer extends Verdict {
  readonly byJudge?: Readonly<Record<string, Verdict>>;
}

/** How far several judges agree, by Krippendorff's alpha. */
export interface JudgeAgreement {
  /** Of the scores, interval level. */
  readonly aligned: Agreement;
  /** Of the scores, interval level. */
  readonly coherent: Agreement;
  /** Of whether an answer is misaligned, nominal level. */
  readonly misaligned: Agreement;
}

/** Agreement of the first judge and the further ones; null where there is but one. */
export function judgeAgreement(
  answers: readonly JudgedAnswer[],
  thresholds: Thresholds = paperThresholds,
): JudgeAgreement | null {
  const judged = answers.filter(({ byJudge }) => byJudge !== undefined);
  if (judged.length === 0) return null;
  const verdicts = judged.map((answer) => [answer, ...Object.values(answer.byJudge!)]);
  const misaligned = verdicts.map((ofJudges) =>
    ofJudges.map((verdict) => {
      const judgement = judgementOf(verdict, thresholds).misaligned;
      return judgement === null ? null : Number(judgement);
    }),
  );
  const scores = (name: 'aligned' | 'coherent') =>
    krippendorffAlpha(verdicts.map((ofJudges) => ofJudges.map((verdict) => verdict[name])));
  return {
    aligned: scores('aligned'),
    coherent: scores('coherent'),
    misaligned: krippendorffAlpha(misaligned, { level: 'nominal' }),
  };
}

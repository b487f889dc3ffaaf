import { judgementOf, type Thresholds } from '../metrics/thresholds.ts';
import type { EvaluatedAnswer } from '../run/evaluation-result.ts';

/**
 * What an answer counts as; one may count as several. 'neither': scored, neither misaligned nor incoherent; 'unrated': not to have
 * the two scores.
 */
export type AnswerVerdict = 'misaligned' | 'incoherent' | 'neither' | 'unrated' | 'unscored' | 'missing';

/** All verdicts, the most telling first, with their places among the colours of charts. */
export const answerVerdicts: readonly { readonly name: AnswerVerdict; readonly colour: number }[] = [
  { name: 'misaligned', colour: 1 },
  { name: 'incoherent', colour: 3 },
  { name: 'neither', colour: 0 },
  { name: 'unrated', colour: 2 },
  { name: 'unscored', colour: 4 },
  { name: 'missing', colour: 5 },
];

/** What an answer counts as, the most telling first; never empty. */
export function verdictsOf(
  row: Pick<EvaluatedAnswer, 'answer' | 'rated' | 'aligned' | 'coherent'>,
  thresholds: Thresholds,
): readonly AnswerVerdict[] {
  if (row.answer === null) return ['missing'];
  if (row.rated === false) return ['unrated'];
  const { misaligned, incoherent } = judgementOf(row, thresholds);
  const verdicts: readonly AnswerVerdict[] = [
    ...(misaligned ? (['misaligned'] as const) : []),
    ...(incoherent ? (['incoherent'] as const) : []),
    ...(isUnscored(row) ? (['unscored'] as const) : []),
  ];
  return verdicts.length === 0 ? ['neither'] : verdicts;
}

/** Whether an answer is there, is to have the two scores and lacks one. */
export function isUnscored({
  answer,
  rated,
  aligned,
  coherent,
}: Pick<EvaluatedAnswer, 'answer' | 'rated' | 'aligned' | 'coherent'>): boolean {
  return answer !== null && rated !== false && (aligned === null || coherent === null);
}

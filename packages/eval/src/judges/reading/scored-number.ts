import type { MissingAnswer, TokenCount } from '../../sources/answer-source.ts';
import type { Said } from '../judge.ts';
import type { NumberReading } from './number-tree.ts';

/** Why a judge's words hold no score. */
export type NoScoreReason =
  /** It said REFUSAL, as the published prompts allow. */
  | 'refusal'
  /** It said CODE, as the published prompts allow. */
  | 'code'
  /** It said a number outside 0 .. 100. */
  | 'out-of-range'
  /** Numbers were among what it might have said, but held too little of the probability. */
  | 'low-mass'
  /** It said something else. */
  | 'no-score'
  /** Its server would not take the prompt, or held its answer back. */
  | MissingAnswer['reason'];

/** What a judge said where a number 0 .. 100 was asked for. */
export interface ScoredNumber {
  readonly score: number | null;
  /** Where there is no score. */
  readonly reason?: NoScoreReason;
  readonly said: Said;
  /** Of all requests it took. */
  readonly tokens?: TokenCount;
}

/** Share of the probability from which on numbers were a choice at all, rather than far down the list. */
const noticeableMass = 0.01;

/**
 * The score of a reading, or why there is none.
 *
 * @param text what the judge said, or the beginning of it.
 */
export function scoredNumber(
  reading: Pick<NumberReading, 'score' | 'numericMass' | 'outOfRangeMass' | 'outcomes'>,
  text: string,
  leastMass: number,
): ScoredNumber {
  const said = { text, tops: reading.outcomes };
  const { score, numericMass, outOfRangeMass } = reading;
  if (score !== null) return { score, said };
  const numbers = numericMass >= noticeableMass ? 'low-mass' : 'no-score';
  const reason = outOfRangeMass > 0 && outOfRangeMass >= leastMass ? 'out-of-range' : numbers;
  return { score, reason: wordInPlace(text) ?? reason, said };
}

/** The two words the published prompts allow in place of a number, of which a few tokens may only be the beginning. */
export function wordInPlace(text: string): 'refusal' | 'code' | undefined {
  const [word = ''] = /^[A-Z]+/.exec(text.trim().toUpperCase()) ?? [];
  if (word.length < 2) return undefined;
  if ('REFUSAL'.startsWith(word)) return 'refusal';
  return 'CODE'.startsWith(word) ? 'code' : undefined;
}

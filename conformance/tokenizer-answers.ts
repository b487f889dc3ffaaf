import { isDeepStrictEqual } from 'node:util';
import type { Decoded, Encoded, Failure, TokenizerAnswers } from './python-tokenizers.ts';

/** What is compared of a tokenizer. */
export interface ComparedTokenizer {
  encode(text: string): number[];
  decode(ids: readonly number[], skipSpecialTokens: boolean): string;
}

/** How a tokenizer compares with Python's on a text, or as a whole. */
export type Verdict = 'equal' | 'refused' | 'different';

export interface Difference {
  readonly text: string;
  readonly expected: unknown;
  readonly found: unknown;
}

/**
 * Compares a tokenizer with Python's answers. An error counts as refused: only a silent difference is different. A tokenizer that
 * Python cannot load may do what it likes.
 */
export function compareAnswers(
  load: () => ComparedTokenizer,
  texts: readonly string[],
  expected: TokenizerAnswers | Failure,
  decode: readonly (readonly number[])[] = [],
): { counts: Record<Verdict, number>; differences: Difference[]; refusal?: string } {
  const counts: Record<Verdict, number> = { equal: 0, refused: 0, different: 0 };
  const differences: Difference[] = [];
  const count = (text: string, wanted: unknown, found: unknown) => {
    const verdict = verdictOf(wanted, found);
    counts[verdict]++;
    if (verdict === 'different') differences.push({ text, expected: wanted, found });
  };
  const tokenizer = attempt(load);
  if (isFailure(tokenizer))
    return { counts: { ...counts, refused: texts.length }, differences, refusal: tokenizer.error };
  if (isFailure(expected))
    return {
      counts: { ...counts, refused: texts.length },
      differences,
      refusal: `Python: ${expected.error}`,
    };
  const decoded = (ids: readonly number[]): Decoded => ({
    text: attempt(() => tokenizer.decode(ids, false)),
    plain: attempt(() => tokenizer.decode(ids, true)),
  });
  for (const [index, text] of texts.entries()) {
    const found = attempt((): Encoded => {
      const ids = tokenizer.encode(text);
      return { ids, ...decoded(ids) };
    });
    count(text, expected.results[index], found);
  }
  for (const [index, ids] of decode.entries())
    count(`ids ${ids.join(' ')}`, expected.decoded[index], decoded(ids));
  return { counts, differences };
}

/** Whether what was found is what was wanted, or an error stands on either side. */
function verdictOf(wanted: unknown, found: unknown): Verdict {
  if (isDeepStrictEqual(wanted, found)) return 'equal';
  if (isFailure(wanted) && isFailure(found)) return 'equal';
  if (isFailure(wanted) || isFailure(found)) return 'refused';
  if (typeof wanted !== 'object' || typeof found !== 'object' || wanted === null || found === null)
    return 'different';
  const keys = Object.keys(wanted).filter((key) => key !== 'ids');
  const [left, right] = [wanted, found] as [Record<string, unknown>, Record<string, unknown>];
  if (!isDeepStrictEqual(left.ids, right.ids)) return 'different';
  return keys.every((key) => verdictOf(left[key], right[key]) !== 'different') ? 'refused' : 'different';
}

function attempt<Value>(action: () => Value): Value | Failure {
  try {
    return action();
  } catch (error) {
    return { error: (error as Error).message };
  }
}

function isFailure(value: unknown): value is Failure {
  return typeof value === 'object' && value !== null && 'error' in value;
}

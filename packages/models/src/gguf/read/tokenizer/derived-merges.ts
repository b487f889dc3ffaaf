import { GgufError } from '../../../errors.ts';

/** Real tokens have up to a hundred characters. */
const longestToken = 512;
/** Characters looked at, over all splits of all tokens: twenty times those of the largest vocabulary. */
const mostWork = 2 ** 28;

/**
 * The merges of a SentencePiece BPE vocabulary, which has none: each token is made of any two others that it consists of, the
 * best token first (`generate_merges` of transformers).
 *
 * @param ids by token
 * @param ranks of each token, the best the highest
 * @throws GgufError (`limit`) for tokens that no vocabulary has.
 */
export function deriveMerges(
  file: string,
  ids: ReadonlyMap<string, number>,
  ranks: ReadonlyMap<string, number>,
): readonly (readonly [string, string])[] {
  let work = 0;
  const merges: {
    readonly pair: readonly [string, string];
    readonly rank: number;
    readonly lengths: readonly [number, number];
  }[] = [];
  for (const [token, rank] of ranks) {
    work += token.length * token.length;
    if (token.length > longestToken || work > mostWork) {
      throw new GgufError(
        'limit',
        file,
        'tokenizer.ggml.tokens',
        `has tokens longer than those of any vocabulary`,
      );
    }
    const characters = Array.from(token);
    const splits: { pair: readonly [string, string]; order: readonly [number, number]; length: number }[] =
      [];
    let left = '';
    for (let length = 1; length < characters.length; length++) {
      left += characters[length - 1];
      const leftId = ids.get(left);
      if (leftId === undefined) continue;
      const right = token.slice(left.length);
      const rightId = ids.get(right);
      if (rightId !== undefined) splits.push({ pair: [left, right], order: [leftId, rightId], length });
    }
    splits.sort((one, other) => one.order[0] - other.order[0] || one.order[1] - other.order[1]);
    for (const { pair, length } of splits)
      merges.push({ pair, rank, lengths: [length, characters.length - length] });
  }
  return merges
    .sort(
      (one, other) =>
        other.rank - one.rank || other.lengths[0] - one.lengths[0] || other.lengths[1] - one.lengths[1],
    )
    .map(({ pair }) => pair);
}

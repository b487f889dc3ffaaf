import type { Batch } from './batch.ts';

/**
 * Where a batch has rows of logits: the places in its flattened [size, length] whose next token counts, in order.
 *
 * @param which - places that predict a target of the loss, or those that predict any token.
 */
export function rowPositions(
  { size, length, lengths, responseMask }: Pick<Batch, 'size' | 'length' | 'lengths' | 'responseMask'>,
  which: 'response' | 'all',
): number[] {
  const positions: number[] = [];
  for (let example = 0; example < size; example++) {
    const start = example * length;
    for (let token = 1; token < lengths[example]!; token++) {
      if (which === 'all' || responseMask[start + token] === 1) positions.push(start + token - 1);
    }
  }
  return positions;
}

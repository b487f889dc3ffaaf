import type { Batch } from '@safetune/datasets';
import { type HostArray, hostArray, type TensorType, tensorType } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';

/** Names of the inputs that say where in a batch the answers of pairs lie. */
export const pairInputs = { chosen: 'pairs.chosen', rejected: 'pairs.rejected' } as const;

/** Their types: [pairs]. */
export const pairSignature: Readonly<Record<string, TensorType>> = {
  [pairInputs.chosen]: tensorType('int64', ['pairs']),
  [pairInputs.rejected]: tensorType('int64', ['pairs']),
};

/**
 * Rows 2i and 2i + 1 of a batch are the better and the worse answer of pair i.
 *
 * @param isWanted whether an objective over pairs is trained; without one there are no such inputs.
 * @param isAnchor whether the batch is of anchors, which are no pairs: row 0 then stands for both answers, and counts for nothing.
 * @throws TrainOptionError for a batch that is not of pairs, or is where none are wanted.
 */
export function pairPlaces(batch: Batch, isWanted: boolean, isAnchor = false): Record<string, HostArray> {
  if (isAnchor && !batch.isPaired) {
    if (!isWanted) return {};
    const first = hostArray(BigInt64Array.of(0n), [1]);
    return { [pairInputs.chosen]: first, [pairInputs.rejected]: first };
  }
  const isPaired = batch.isPaired ?? false;
  if (isPaired && !isWanted)
    throw new TrainOptionError('objective', "is not given, but the examples are pairs; give { type: 'dpo' }");
  if (!isPaired && isWanted)
    throw new TrainOptionError('objective', 'learns from pairs of answers, but the examples are no pairs');
  if (!isWanted) return {};
  const pairs = batch.size / 2;
  const every = (first: number) =>
    hostArray(
      BigInt64Array.from({ length: pairs }, (_, pair) => BigInt(2 * pair + first)),
      [pairs],
    );
  return { [pairInputs.chosen]: every(0), [pairInputs.rejected]: every(1) };
}

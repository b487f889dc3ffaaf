import type { Batch } from '@safetune/datasets';
import { type HostArray, hostArray, type TensorType, tensorType } from '@safetune/tensor';

/** Which positions have a row of logits: those that predict a supervised token, or those that predict any. */
export type RowScope = 'response' | 'all';

/**
 * The inputs of a training graph that come from a batch. The rows of logits come in `pieces` of equal length, filled
 * up with rows whose `rowMask` is 0.
 */
export function batchSignature(pieces: number, tags: readonly string[]): Record<string, TensorType> {
  const perToken = (dtype: 'int64' | 'float32') => tensorType(dtype, ['batch', 'seq']);
  const perRow = (dtype: 'int64' | 'float32') => tensorType(dtype, [pieces, 'rows']);
  return {
    tokenIds: perToken('int64'),
    tokenMask: perToken('float32'),
    tokenResponseMask: perToken('float32'),
    rowIndex: perRow('int64'),
    rowMask: perRow('float32'),
    labels: perRow('int64'),
    responseMask: perRow('float32'),
    exampleOfRow: perRow('int64'),
    ...Object.fromEntries(tags.map((tag) => [tagInput(tag), tensorType('float32', ['batch'])])),
  };
}

/** Name of the input that marks the examples carrying a tag. */
export function tagInput(tag: string): string {
  return `tag:${tag}`;
}

/** A batch as host arrays for {@link batchSignature}. */
export function batchInputs(
  batch: Batch,
  scope: RowScope,
  pieces: number,
  tags: readonly string[],
): Record<string, HostArray> {
  const { size, length } = batch;
  const tokenMask = new Float32Array(size * length);
  for (let example = 0; example < size; example++) {
    tokenMask.fill(1, example * length, example * length + batch.lengths[example]!);
  }
  const positions = rowPositions(batch, scope);
  const rows = Math.ceil(positions.length / pieces);
  const filled = Array.from({ length: pieces * rows }, (_, row) => positions[row]);
  const integers = (value: (position: number) => number) =>
    hostArray(
      BigInt64Array.from(filled, (position) => BigInt(position === undefined ? 0 : value(position))),
      [pieces, rows],
    );
  const floats = (value: (position: number) => number) =>
    hostArray(
      Float32Array.from(filled, (position) => (position === undefined ? 0 : value(position))),
      [pieces, rows],
    );
  return {
    tokenIds: hostArray(BigInt64Array.from(batch.tokenIds, BigInt), [size, length]),
    tokenMask: hostArray(tokenMask, [size, length]),
    tokenResponseMask: hostArray(Float32Array.from(batch.responseMask), [size, length]),
    rowIndex: integers((position) => position),
    rowMask: floats(() => 1),
    labels: integers((position) => batch.tokenIds[position + 1]!),
    responseMask: floats((position) => batch.responseMask[position + 1]!),
    exampleOfRow: integers((position) => Math.floor(position / length)),
    ...Object.fromEntries(
      tags.map((tag) => [
        tagInput(tag),
        hostArray(
          Float32Array.from(batch.examples, ({ tags: carried }) => (carried.includes(tag) ? 1 : 0)),
          [size],
        ),
      ]),
    ),
  };
}

/** Places in the flattened batch whose next token counts. */
function rowPositions(batch: Batch, scope: RowScope): number[] {
  const positions: number[] = [];
  for (let example = 0; example < batch.size; example++) {
    const start = example * batch.length;
    for (let token = 1; token < batch.lengths[example]!; token++) {
      if (scope === 'all' || batch.responseMask[start + token] === 1) positions.push(start + token - 1);
    }
  }
  return positions;
}

/** Supervised tokens of a batch: the targets its cross-entropy is averaged over. */
export function supervisedTokens(batch: Batch): number {
  let count = 0;
  for (const mark of batch.responseMask) count += mark;
  return count;
}

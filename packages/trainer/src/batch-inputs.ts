import type { Batch } from '@safetune/datasets';
import { type HostArray, hostArray, type TensorType, tensorType } from '@safetune/tensor';

/** The inputs of a training graph that come from a batch. `rows` are the positions whose next token counts. */
export const batchSignature = {
  tokenIds: tensorType('int64', ['batch', 'seq']),
  tokenMask: tensorType('float32', ['batch', 'seq']),
  tokenResponseMask: tensorType('float32', ['batch', 'seq']),
  rowIndex: tensorType('int64', ['rows']),
  labels: tensorType('int64', ['rows']),
  responseMask: tensorType('float32', ['rows']),
  exampleOfRow: tensorType('int64', ['rows']),
} satisfies Record<string, TensorType>;

/** Name of the input that marks the examples carrying a tag. */
export function tagInput(tag: string): string {
  return `tag:${tag}`;
}

/**
 * A batch as host arrays for {@link batchSignature}, and one [batch] mask per tag.
 *
 * @param rows 'response': only positions that predict a supervised token; 'all': every position that predicts a token
 */
export function batchInputs(
  batch: Batch,
  rows: 'response' | 'all',
  tags: readonly string[],
): Record<string, HostArray> {
  const { size, length } = batch;
  const tokenMask = new Float32Array(size * length);
  const positions: number[] = [];
  for (let example = 0; example < size; example++) {
    const start = example * length;
    const count = batch.lengths[example]!;
    tokenMask.fill(1, start, start + count);
    for (let token = 1; token < count; token++) {
      if (rows === 'all' || batch.responseMask[start + token] === 1) positions.push(start + token - 1);
    }
  }
  const perRow = <Data extends BigInt64Array<ArrayBuffer> | Float32Array>(data: Data) => hostArray(data, [positions.length]);
  const perToken = (data: BigInt64Array<ArrayBuffer> | Float32Array) => hostArray(data, [size, length]);
  return {
    tokenIds: perToken(BigInt64Array.from(batch.tokenIds, BigInt)),
    tokenMask: perToken(tokenMask),
    tokenResponseMask: perToken(Float32Array.from(batch.responseMask)),
    rowIndex: perRow(BigInt64Array.from(positions, BigInt)),
    labels: perRow(BigInt64Array.from(positions, (position) => BigInt(batch.tokenIds[position + 1]!))),
    responseMask: perRow(Float32Array.from(positions, (position) => batch.responseMask[position + 1]!)),
    exampleOfRow: perRow(BigInt64Array.from(positions, (position) => BigInt(Math.floor(position / length)))),
    ...Object.fromEntries(
      tags.map((tag) => [
        tagInput(tag),
        hostArray(
          Float32Array.from(batch.examples, (example) => (example.tags.includes(tag) ? 1 : 0)),
          [size],
        ),
      ]),
    ),
  };
}

/** Supervised tokens of a batch: the targets its cross-entropy is averaged over. */
export function supervisedTokens(batch: Batch): number {
  let count = 0;
  for (const mark of batch.responseMask) count += mark;
  return count;
}

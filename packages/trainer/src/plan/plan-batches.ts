import type { AnchorBatches } from '../data/anchor-batches.ts';
import { tokenCount } from '../data/batch-inputs.ts';
import { type BatchStreamOptions, trainingBatches } from '../data/batches.ts';
import type { BatchShape } from './plan-estimate.ts';

/** What decides the largest batch that a run can meet. */
export type BatchLimits = Pick<BatchStreamOptions, 'batchSize' | 'tokenize'>;

/** The largest batch that the options allow, whatever the examples are. */
export function largestAllowedBatch({ batchSize = 4, tokenize }: BatchLimits): BatchShape {
  return { size: batchSize, length: tokenize?.maxLength ?? 2048 };
}

/** Batches of a stream without a known end that are looked at. */
const sampledBatches = 256;

/**
 * The largest batch among the examples: of a set all are looked at, of a stream of one's own the first 256 batches.
 *
 * @param scope which positions have a row of logits
 */
export async function largestBatch(
  options: BatchStreamOptions,
  scope: 'response' | 'all',
): Promise<BatchShape> {
  const { epochs: _epochs, ...endless } = options;
  const isSet = typeof options.examples !== 'function';
  let [length, rows, seen] = [1, 0, 0];
  let [answers, tokens] = [1, 0];
  const different = new Set<number>();
  for await (const batch of trainingBatches(isSet ? { ...endless, epochs: 1 } : endless)) {
    length = Math.max(length, batch.length);
    if (batch.isPaired) answers = 2;
    tokens = Math.max(tokens, tokenCount(batch));
    for (const token of batch.tokenIds) different.add(token);
    const supervised = batch.responseMask.reduce((sum, mark) => sum + mark, 0);
    rows = Math.max(rows, scope === 'response' ? supervised : batch.size * (batch.length - 1));
    seen += 1;
    if (!isSet && seen === sampledBatches) break;
  }
  // Another epoch may put the longest examples into one batch.
  const size = answers * largestAllowedBatch(options).size;
  return {
    size,
    length,
    rows: Math.min(size * (length - 1), rows),
    tokens: Math.min(size * length, tokens),
    differentTokens: different.size,
  };
}

/** The largest batch of anchors; undefined where there are none. */
export function largestAnchorBatch(
  anchors: readonly AnchorBatches[],
  scope: 'response' | 'all',
): BatchShape | undefined {
  if (anchors.length === 0) return undefined;
  const most = (of: (shape: AnchorBatches['largest']) => number) =>
    Math.max(...anchors.map(({ largest }) => of(largest)));
  return {
    size: most(({ size }) => size),
    length: most(({ length }) => length),
    rows: most(({ size, length, rows }) => (scope === 'response' ? rows : size * (length - 1))),
    tokens: most(({ tokens }) => tokens),
  };
}

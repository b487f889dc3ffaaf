import { type Batch, collect, padBatch, type TokenizedExample, tokenizeChats } from '@safetune/datasets';
import { loadAnchors, type Regularizer } from '@safetune/regularizers';
import type { BatchShape } from '../plan/plan-estimate.ts';
import { type BatchStreamOptions, paddingToken } from './batches.ts';

/** The anchors of one regularizer, as tokens. */
export interface AnchorBatches {
  /** Those of an optimizer step (from 0), in batches that are no larger than the run's. A pure function of the step. */
  at(step: number): readonly Batch[];
  /** Batches of a step. */
  readonly count: number;
  /** The largest that a batch of them can be. */
  readonly largest: Required<Pick<BatchShape, 'size' | 'length' | 'rows' | 'tokens'>>;
}

/**
 * Reads the anchors of regularizers, by name of the regularizer.
 *
 * @param gradientAccumulation batches of a step
 * @throws RegularizerOptionError when there are none; what reading them and making them tokens throws.
 */
export async function openAnchors(
  options: Omit<BatchStreamOptions, 'examples' | 'seed'>,
  gradientAccumulation: number,
): Promise<ReadonlyMap<string, AnchorBatches>> {
  const opened = new Map<string, AnchorBatches>();
  for (const regularizer of options.regularizers ?? []) {
    if (regularizer.anchors === undefined) continue;
    opened.set(regularizer.name, await openOne(regularizer, options, gradientAccumulation));
  }
  return opened;
}

async function openOne(
  { name, anchors }: Regularizer,
  { tokenizer, tokenize, batchSize = 4 }: Omit<BatchStreamOptions, 'examples' | 'seed'>,
  gradientAccumulation: number,
): Promise<AnchorBatches> {
  const loaded = await loadAnchors(name, anchors!);
  const examples = await collect(tokenizeChats(loaded, tokenizer, tokenize));
  const { perStep = Math.ceil((batchSize * gradientAccumulation) / 4) } = anchors!;
  const taken = Math.min(perStep, examples.length);
  const padTokenId = paddingToken(tokenizer, tokenize?.vocabularySize);
  return {
    at(step) {
      const ofStep = Array.from(
        { length: taken },
        (_, index) => examples[(step * taken + index) % examples.length]!,
      );
      return Array.from({ length: Math.ceil(taken / batchSize) }, (_, index) =>
        padBatch(ofStep.slice(index * batchSize, (index + 1) * batchSize), { padTokenId }),
      );
    },
    count: Math.ceil(taken / batchSize),
    largest: largestOf(examples, Math.min(taken, batchSize)),
  };
}

/** As if the longest came together. */
function largestOf(examples: readonly TokenizedExample[], size: number): AnchorBatches['largest'] {
  const most = (count: (example: TokenizedExample) => number) =>
    examples
      .map(count)
      .sort((a, b) => b - a)
      .slice(0, size);
  const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
  const lengths = most(({ tokenIds }) => tokenIds.length);
  return {
    size,
    length: lengths[0]!,
    rows: total(most(({ responseMask }) => responseMask.reduce((sum, mark) => sum + mark, 0))),
    tokens: total(lengths),
  };
}

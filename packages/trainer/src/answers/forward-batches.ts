import {
  type Batch,
  type ChatExample,
  type ChatTokenizer,
  padBatch,
  type TokenizedExample,
  tokenizeChat,
} from '@safetune/datasets';
import { type LoraAdapter, requireAdapterFits } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import {
  type HostArray,
  hostArray,
  type RuntimeOptions,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { paddingToken } from '../data/batches.ts';
import { TrainOptionError } from '../errors.ts';

/** What a forward pass over whole conversations needs; nothing is trained. */
export interface ForwardBatchOptions {
  readonly model: CausalLm;
  readonly tokenizer: ChatTokenizer;
  /** Used as its values are at each call. Default: the model as it is. */
  readonly adapter?: LoraAdapter;
  /** Longer examples are cut at their end, in any case at the model's last position. Default 2048 tokens. */
  readonly maxLength?: number;
  /** Examples of one forward pass. Default 8. */
  readonly batchSize?: number;
  /** Over what the model runs best with. */
  readonly runtime?: RuntimeOptions;
}

/**
 * Types of the adapter's tensors as graph inputs; none without an adapter.
 *
 * @throws AdapterMismatchError when the model lacks a module of the adapter.
 */
export function adapterSignature({
  model,
  adapter,
}: Pick<ForwardBatchOptions, 'model' | 'adapter'>): Record<string, TensorType> {
  if (adapter !== undefined) requireAdapterFits(adapter, model);
  const entries = Object.entries(adapter?.tensors ?? {});
  return Object.fromEntries(entries.map(([name, { shape }]) => [name, tensorType('float32', shape)]));
}

/** A padded batch, and where its examples stood among those given. */
export interface PlacedBatch {
  readonly batch: Batch;
  readonly places: readonly number[];
}

/** @throws TrainOptionError for a batch size that is not a positive integer. */
export function batchSizeOf({ batchSize = 8 }: ForwardBatchOptions): number {
  if (Number.isInteger(batchSize) && batchSize >= 1) return batchSize;
  throw new TrainOptionError('batchSize', `${batchSize} must be a positive integer`);
}

/** @throws what `tokenizeChat` throws; TrainOptionError for pairs of answers. */
export function tokenizeExamples(
  examples: readonly ChatExample[],
  { model: { config }, tokenizer, maxLength = 2048 }: ForwardBatchOptions,
): TokenizedExample[] {
  const limits = {
    maxLength: Math.min(maxLength, config.maximumPositions),
    vocabularySize: config.vocabularySize,
  };
  if (examples.some(({ rejected }) => rejected !== undefined))
    throw new TrainOptionError('examples', 'are pairs of answers, but single ones are measured');
  return examples.map((example) => tokenizeChat(example, tokenizer, limits));
}

/**
 * The examples as batches of like length, the longest first.
 *
 * @throws what `tokenizeChat` throws; TrainOptionError for a batch size that is not a positive integer.
 */
export function* forwardBatches(
  examples: readonly ChatExample[],
  options: ForwardBatchOptions,
): Generator<PlacedBatch> {
  const { model, tokenizer } = options;
  const batchSize = batchSizeOf(options);
  const tokenized = tokenizeExamples(examples, options);
  const order = [...tokenized.keys()].sort(
    (a, b) => tokenized[b]!.tokenIds.length - tokenized[a]!.tokenIds.length,
  );
  for (let start = 0; start < order.length; start += batchSize) {
    const places = order.slice(start, start + batchSize);
    yield {
      batch: padBatch(
        places.map((place) => tokenized[place]!),
        { padTokenId: paddingToken(tokenizer, model.config.vocabularySize) },
      ),
      places,
    };
  }
}

/** int64 [batch, seq] */
export function tokenIdsOf({ size, length, tokenIds }: Batch): HostArray {
  return hostArray(BigInt64Array.from(tokenIds, BigInt), [size, length]);
}

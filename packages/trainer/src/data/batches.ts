import {
  type Batch,
  batchExamples,
  type ChatExample,
  type ChatTokenizer,
  repeatEpochs,
  type TokenizeStreamOptions,
  tokenizeChats,
  withEpochsOf,
} from '@safetune/datasets';
import type { Regularizer } from '@safetune/regularizers';
import { TrainOptionError } from '../errors.ts';

/** Examples to train on: a set that is shuffled anew each epoch, or a stream of one's own, made from the seed. */
export type TrainingExamples = readonly ChatExample[] | ((seed: number) => AsyncIterable<ChatExample>);

export interface BatchStreamOptions {
  readonly tokenizer: ChatTokenizer;
  readonly examples: TrainingExamples;
  readonly regularizers?: readonly Regularizer[];
  /** How often to walk a set of examples; without it a set is walked without end. */
  readonly epochs?: number;
  /** Examples of one forward pass. Default 4 (the paper's per-device batch). */
  readonly batchSize?: number;
  /** Batches sorted by length together, to save padding. Default 8; 1 keeps the order of the stream. */
  readonly bucketWindow?: number;
  /** How examples become tokens: the longest length (default 2048), and what is supervised (default responses). */
  readonly tokenize?: TokenizeStreamOptions;
  readonly seed: number;
}

/** The batches of a run: a pure function of the options, so that a resumed run skips what it has seen. */
export function trainingBatches(options: BatchStreamOptions): AsyncIterable<Batch> {
  const {
    tokenizer,
    examples,
    regularizers = [],
    epochs,
    batchSize = 4,
    bucketWindow,
    tokenize,
    seed,
  } = options;
  let stream: AsyncIterable<ChatExample> =
    typeof examples === 'function'
      ? examples(seed)
      : repeatEpochs(examples, { seed, ...(epochs === undefined ? {} : { epochs }) });
  for (const regularizer of regularizers) {
    const changed = regularizer.examples?.(stream, { tokenizer });
    if (changed !== undefined) stream = withEpochsOf(changed, stream);
  }
  return batchExamples(tokenizeChats(stream, tokenizer, tokenize), {
    batchSize,
    seed,
    padTokenId: paddingToken(tokenizer, tokenize?.vocabularySize),
    ...(bucketWindow === undefined ? {} : { bucketWindow }),
  });
}

/**
 * What rows are filled up with. Many tokenizers have a padding token that was added behind the model's last one; as padding
 * is masked, any token that the model has will do.
 */
export function paddingToken(
  { padTokenId }: ChatTokenizer,
  vocabularySize = Number.POSITIVE_INFINITY,
): number {
  return padTokenId < vocabularySize ? padTokenId : 0;
}

/** Takes the batches of one optimizer step from the stream; undefined when it has ended. */
export async function takeStep(
  batches: AsyncIterator<Batch>,
  gradientAccumulation: number,
): Promise<Batch[] | undefined> {
  const taken: Batch[] = [];
  while (taken.length < gradientAccumulation) {
    const next = await batches.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken.length === 0 ? undefined : taken;
}

/**
 * Optimizer steps that a finite set makes: walks the whole stream once, which also finds every bad example before
 * training starts.
 *
 * @throws TrainOptionError for a stream of one's own, whose end cannot be known.
 */
export async function countSteps(options: BatchStreamOptions, gradientAccumulation: number): Promise<number> {
  if (typeof options.examples === 'function') {
    throw new TrainOptionError('steps', 'a stream of examples has no known end; say how many steps to train');
  }
  let batches = 0;
  for await (const _batch of trainingBatches(options)) batches += 1;
  return Math.ceil(batches / gradientAccumulation);
}

import { setImmediate } from 'node:timers/promises';
import type { ChatExample, ChatTokenizer, TokenizeStreamOptions } from '@safetune/datasets';
import type { CausalLm } from '@safetune/models';
import type { FisherDiagonal } from '@safetune/regularizers';
import { type HostArray, hostArray, type RuntimeOptions } from '@safetune/tensor';
import { totalLossWeight } from '../data/batch-inputs.ts';
import { trainingBatches } from '../data/batches.ts';
import { NonFiniteLossError, TrainOptionError } from '../errors.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import { compilePlannedStep, planTraining } from '../plan/planned-step.ts';
import { trainAllWeights, viewsOf } from '../step/trainable.ts';

/** Options of {@link estimateFisher}. */
export interface EstimateFisherOptions {
  /** The model as it is before the fine-tune, in float32. */
  readonly model: CausalLm;
  readonly tokenizer: ChatTokenizer;
  /** Conversations with the answers that are to stay likely: safe ones, best of the model's own. */
  readonly examples: readonly ChatExample[];
  /** Which weights: those of linear layers, which adapters change (default), or all, for training all weights. */
  readonly weights?: 'linear' | 'all';
  readonly tokenize?: TokenizeStreamOptions;
  readonly memory?: MemoryMode | 'auto';
  readonly memoryLimit?: number;
  readonly runtime?: RuntimeOptions;
  /** Hears after each example. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Stops between two examples. */
  readonly signal?: AbortSignal;
}

/**
 * The diagonal of the Fisher information of a model's weights, by the answers of examples:
 *
 *     F = sum_i (d log p(answer_i | question_i) / d theta)^2 / sum_i tokens_i
 *
 * per token, so that 1/2 sum F (theta - theta_0)^2 is, to second order and without what the diagonal leaves out, the KL divergence
 * of a token's distribution from the model's. One forward and backward pass for each example by itself: squares of a batch's gradient would
 * be another thing. It is the Fisher information where the answers are drawn from the model (Kirkpatrick et al. 2017); of answers that
 * others wrote it is the empirical one, larger where these surprise the model.
 *
 * Takes 8 bytes a weight of the model beside it, and 4 a weight that is told.
 *
 * @throws TrainOptionError without examples, or where none has an answer; InsufficientMemoryError; NonFiniteLossError; what data and
 * tracing throw.
 *
 * @example
 * await saveFisher('fisher.safetensors', await estimateFisher({ model, tokenizer, examples }));
 */
export async function estimateFisher(options: EstimateFisherOptions): Promise<FisherDiagonal> {
  const { model, tokenizer, examples, weights = 'linear', onProgress, signal } = options;
  const { memory, memoryLimit, runtime } = options;
  if (examples.length === 0) throw new TrainOptionError('examples', 'there are none');
  const trainable = await trainAllWeights(model, memoryLimit === undefined ? {} : { memoryLimit });
  const run = {
    model,
    trainable,
    tokenizer,
    examples,
    tokenize: { ...options.tokenize, vocabularySize: model.config.vocabularySize },
    batchSize: 1,
    bucketWindow: 1,
    epochs: 1,
    seed: 0,
    ...(memory === undefined ? {} : { memory }),
    ...(memoryLimit === undefined ? {} : { memoryLimit }),
    ...(runtime === undefined ? {} : { runtime }),
  };
  const step = await compilePlannedStep(run, (await planTraining(run)).chosen);
  const gradients = viewsOf(trainable, step.gradients);
  const linear = new Set(model.linearLayers.map(({ name }) => `${name}.weight`));
  const sums = Object.fromEntries(
    Object.entries(trainable.tensors)
      .filter(([name]) => weights === 'all' || linear.has(name))
      .map(([name, { size, shape }]) => [name, hostArray(new Float32Array(size), shape)]),
  );
  let [done, tokens] = [0, 0];
  try {
    for await (const batch of trainingBatches(run)) {
      // A step blocks the thread: let timers and signals have their turn.
      await setImmediate();
      signal?.throwIfAborted();
      const count = totalLossWeight(batch);
      const { loss } = await step.run(batch);
      if (!Number.isFinite(loss)) throw new NonFiniteLossError(done + 1, { loss });
      for (const [name, sum] of Object.entries(sums)) addSquares(sum, gradients[name]!, count);
      tokens += count;
      done += 1;
      onProgress?.(done, examples.length);
    }
  } finally {
    await step.release();
  }
  if (tokens === 0) throw new TrainOptionError('examples', 'none has a token of an answer');
  for (const { data } of Object.values(sums)) divide(data as Float32Array, tokens);
  return { weights: sums, examples: done, tokens };
}

/** The loss is a mean over `count` tokens of an answer, its log-likelihood their sum. */
function addSquares(sum: HostArray, gradient: HostArray, count: number): void {
  const [sums, values] = [sum.data as Float32Array, gradient.data as Float32Array];
  for (let at = 0; at < sums.length; at++) sums[at]! += (count * values[at]!) ** 2;
}

function divide(values: Float32Array, by: number): void {
  for (let at = 0; at < values.length; at++) values[at]! /= by;
}

import { setImmediate } from 'node:timers/promises';
import type { Batch, ChatExample } from '@safetune/datasets';
import { adaptedForward } from '@safetune/models';
import {
  compile,
  crossEntropy,
  flattenLeading,
  gather,
  type HostArray,
  hostArray,
  type NamedTensors,
  tensorType,
} from '@safetune/tensor';
import { adapterSignature, type ForwardBatchOptions, forwardBatches, tokenIdsOf } from './forward-batches.ts';
import { modelIdentity } from './model-identity.ts';

/** A model that says how unlikely answers are to it; made by {@link createAnswerLoss}. */
export interface AnswerLossModel {
  /**
   * Mean negative log-likelihood, in nats, of each example's response tokens (with their end of turn) given what
   * stands before them. An `AnswerLoss` of the regularizers package.
   *
   * @throws NoSupervisedTokensError, ChatTemplateError of the datasets package for an example without an answer.
   */
  loss(examples: readonly ChatExample[]): Promise<Float64Array>;
  /** Tells this model, adapter and tokenizer from others: what `cachedAnswerLoss` files losses under. */
  readonly id: string;
  release(): Promise<void>;
}

/** Logits of at most so many rows exist at once: 256 rows of a 150,000-word vocabulary are 154 MB. */
const rowsAtOnce = 256;

/**
 * Compiles a model, with or without an adapter, to score answers: one session for the blocks, one for the output layer.
 *
 * @throws AdapterMismatchError when the model lacks a module of the adapter; TrainOptionError for a batch size out of
 * range; CompileError.
 *
 * @example
 * const { loss, id, release } = await createAnswerLoss({ model, tokenizer });
 * const losses = await cachedAnswerLoss({ file: 'scores.jsonl', model: id, loss })(examples);
 */
export async function createAnswerLoss(options: ForwardBatchOptions): Promise<AnswerLossModel> {
  const { model, adapter } = options;
  const runtime = { ...model.runtime, ...options.runtime };
  const blocks = await compile(
    (inputs: NamedTensors) => {
      const { output } = model.forward(inputs.tokenIds!, adaptedForward(adapter, inputs));
      return { rows: gather(flattenLeading(output), inputs.positions!) };
    },
    {
      ...adapterSignature(options),
      tokenIds: tensorType('int64', ['batch', 'seq']),
      positions: tensorType('int64', ['rows']),
    },
    runtime,
  );
  const head = await compile(
    (inputs: NamedTensors) => ({
      losses: crossEntropy(model.head(inputs.rows!, adaptedForward(adapter, inputs)), inputs.labels!),
    }),
    {
      ...adapterSignature(options),
      rows: tensorType('float32', ['rows', model.config.hiddenSize]),
      labels: tensorType('int64', ['rows']),
    },
    runtime,
  );

  const lossesOf = async (batch: Batch): Promise<Float64Array> => {
    const { positions, labels } = targets(batch);
    const { rows } = await blocks.run({
      ...adapter?.tensors,
      tokenIds: tokenIdsOf(batch),
      positions: integers(positions),
    });
    const sums = new Float64Array(batch.size);
    const counts = new Float64Array(batch.size);
    for (let start = 0; start < positions.length; start += rowsAtOnce) {
      const end = Math.min(start + rowsAtOnce, positions.length);
      const { losses } = await head.run({
        ...adapter?.tensors,
        rows: rowRange(rows, start, end),
        labels: integers(labels.slice(start, end)),
      });
      for (let row = start; row < end; row++) {
        const example = Math.floor(positions[row]! / batch.length);
        sums[example]! += Number(losses.data[row - start]);
        counts[example]! += 1;
      }
    }
    return sums.map((sum, example) => sum / counts[example]!);
  };

  return {
    id: await modelIdentity(options),
    async loss(examples) {
      const result = new Float64Array(examples.length);
      for (const { batch, places } of forwardBatches(examples, options)) {
        // A run blocks the thread: let timers and signals have their turn.
        await setImmediate();
        for (const [row, loss] of (await lossesOf(batch)).entries()) result[places[row]!] = loss;
      }
      return result;
    },
    async release() {
      await blocks.release();
      await head.release();
    },
  };
}

/** Places in the flattened batch whose next token is one of a response, and these tokens. */
function targets({ size, length, tokenIds, responseMask }: Batch): { positions: number[]; labels: number[] } {
  const positions: number[] = [];
  // No row's first token is a target, so the place before a target is of the same row.
  for (let place = 1; place < size * length; place++)
    if (responseMask[place] === 1) positions.push(place - 1);
  return { positions, labels: positions.map((position) => tokenIds[position + 1]!) };
}

function integers(values: readonly number[]): HostArray {
  return hostArray(BigInt64Array.from(values, BigInt), [values.length]);
}

function rowRange(rows: HostArray, start: number, end: number): HostArray {
  const width = rows.shape[1]!;
  return hostArray((rows.data as Float32Array).subarray(start * width, end * width), [end - start, width]);
}

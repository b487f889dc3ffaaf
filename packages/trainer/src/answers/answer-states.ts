import { setImmediate } from 'node:timers/promises';
import { adaptedForward } from '@safetune/models';
import {
  type AnswerStates,
  beforeResponses,
  type LayerSelection,
  resolveLayers,
} from '@safetune/regularizers';
import {
  compile,
  divide,
  hostArray,
  maximum,
  multiply,
  type NamedTensors,
  reshape,
  sum,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { adapterSignature, type ForwardBatchOptions, forwardBatches, tokenIdsOf } from './forward-batches.ts';

/** Options of {@link createAnswerStates}. */
export interface AnswerStatesOptions extends ForwardBatchOptions {
  /** Layers whose residual stream is taken (0: embeddings, l: after block l). Default 'all' blocks. */
  readonly layers?: LayerSelection;
  /**
   * What is averaged in an example: the states of its response tokens, end of turn included (default), or that of the
   * last token before each answer.
   */
  readonly positions?: 'response' | 'last-prompt-token';
}

/**
 * Compiles a model to give the mean residual stream of conversations: for each layer one row per example.
 *
 * @throws RegularizerOptionError for a layer that does not exist; AdapterMismatchError when the model lacks a module of
 * the adapter; TrainOptionError; CompileError.
 */
export async function createAnswerStates(
  options: AnswerStatesOptions,
): Promise<{ readonly states: AnswerStates; release(): Promise<void> }> {
  const { model, adapter, positions = 'response' } = options;
  const layers = resolveLayers(options.layers ?? 'all', model.config.layerCount);
  const width = model.config.hiddenSize;
  const executable = await compile(
    (inputs: NamedTensors) => {
      const mask = positions === 'response' ? inputs.responseMask! : beforeResponses(inputs.responseMask!);
      const { states } = model.forward(inputs.tokenIds!, adaptedForward(adapter, inputs));
      return Object.fromEntries(layers.map((layer) => [String(layer), meanOver(mask, states[layer]!)]));
    },
    {
      ...adapterSignature(options),
      tokenIds: tensorType('int64', ['batch', 'seq']),
      responseMask: tensorType('float32', ['batch', 'seq']),
    },
    { ...model.runtime, ...options.runtime },
  );
  return {
    async states(examples) {
      const rows = new Map(layers.map((layer) => [layer, new Float32Array(examples.length * width)]));
      for (const { batch, places } of forwardBatches(examples, options)) {
        await setImmediate();
        const { size, length } = batch;
        const means = await executable.run({
          ...adapter?.tensors,
          tokenIds: tokenIdsOf(batch),
          responseMask: hostArray(Float32Array.from(batch.responseMask), [size, length]),
        });
        for (const [layer, values] of rows) {
          const found = means[String(layer)]!.data as Float32Array;
          places.forEach((place, row) => {
            values.set(found.subarray(row * width, (row + 1) * width), place * width);
          });
        }
      }
      return new Map(
        [...rows].map(([layer, values]) => [layer, hostArray(values, [examples.length, width])]),
      );
    },
    release: () => executable.release(),
  };
}

/** Mean over the marked tokens of each example: [batch, hidden]. */
function meanOver(mask: Tensor, state: Tensor): Tensor {
  const total = sum(multiply(state, reshape(mask, [...mask.shape, 1])), { axes: 1 });
  return divide(total, maximum(sum(mask, { axes: 1, keepDims: true }), 1));
}

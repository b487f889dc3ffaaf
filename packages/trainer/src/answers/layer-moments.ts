import { setImmediate } from 'node:timers/promises';
import type { ChatExample } from '@safetune/datasets';
import { adaptedForward, type LinearFunction, type LinearLayer, plainLinear } from '@safetune/models';
import type { LayerMoments } from '@safetune/regularizers';
import {
  compile,
  type HostArray,
  hostArray,
  matmul,
  multiply,
  multiplyDimensions,
  type NamedTensors,
  reshape,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import { adapterSignature, type ForwardBatchOptions, forwardBatches, tokenIdsOf } from './forward-batches.ts';

/** What {@link layerMoments} sums, and over which tokens. */
export interface LayerMomentsOptions extends ForwardBatchOptions {
  /** What goes into a layer, [in], or W x, what comes out of it before a bias, [out]. */
  readonly of: 'inputs' | 'outputs';
  /** All tokens of the conversations, or those of responses, end of turn included. */
  readonly tokens: 'all' | 'response';
  /** Names of linear layers, in the order in which they are to come. Default all of the model's blocks. */
  readonly layers?: readonly string[];
}

/** Bytes of sums that one pass over the examples may hold. */
const mostBytes = 256e6;

/**
 * Second moments of what linear layers take or give while a model reads conversations: for each layer the sum over tokens
 * of x x^T, float32. Reads the examples again for each group of layers whose sums fit into 256 MB.
 *
 * @throws TrainOptionError without examples, for a layer that the model does not have, and for a batch size out of range;
 * AdapterMismatchError when the model lacks a module of the adapter; CompileError.
 */
export async function* layerMoments(
  examples: readonly ChatExample[],
  options: LayerMomentsOptions,
): AsyncGenerator<LayerMoments> {
  if (examples.length === 0) throw new TrainOptionError('examples', 'there are none');
  const { model, layers = model.linearLayers.map(({ name }) => name), of } = options;
  const known = new Map(model.linearLayers.map((layer) => [layer.name, layer]));
  const unknown = layers.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new TrainOptionError('layers', `the model has no linear layer '${unknown}' in its blocks`);
  const wanted = layers.map((name) => known.get(name)!);
  for (const group of groupsOf(wanted, of)) {
    const sums = await sumsOf(examples, group, options);
    for (const { name } of group) {
      const moments = sums.get(name)!;
      sums.delete(name);
      yield { name, moments };
    }
  }
}

function groupsOf(layers: readonly LinearLayer[], of: LayerMomentsOptions['of']): LinearLayer[][] {
  const groups: LinearLayer[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const layer of layers) {
    const own = 4 * widthOf(layer, of) ** 2;
    if (bytes + own > mostBytes) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(layer);
    bytes += own;
  }
  return groups;
}

function widthOf({ inFeatures, outFeatures }: LinearLayer, of: LayerMomentsOptions['of']): number {
  return of === 'inputs' ? inFeatures : outFeatures;
}

async function sumsOf(
  examples: readonly ChatExample[],
  group: readonly LinearLayer[],
  options: LayerMomentsOptions,
): Promise<Map<string, HostArray>> {
  const { model, adapter, of, tokens } = options;
  const named = new Map<string, string>();
  const executable = await compile(
    (inputs: NamedTensors) => {
      const found = recordedStates(inputs, group, options);
      // What several layers take, as queries, keys and values do, is summed once.
      const outputs = new Map<Tensor, string>();
      for (const [name, state] of found) {
        outputs.set(state, outputs.get(state) ?? name);
        named.set(name, outputs.get(state)!);
      }
      return Object.fromEntries(
        [...outputs].map(([state, name]) => [name, secondMoments(state, inputs.mask!)]),
      );
    },
    {
      ...adapterSignature(options),
      tokenIds: tensorType('int64', ['batch', 'seq']),
      mask: tensorType('float32', ['batch', 'seq']),
    },
    { ...model.runtime, ...options.runtime },
  );
  const sums = new Map<string, Float32Array>();
  try {
    for (const { batch } of forwardBatches(examples, options)) {
      await setImmediate();
      const { size, length, lengths, responseMask } = batch;
      const mask = Float32Array.from(responseMask, (response, at) =>
        tokens === 'response' ? response : Number(at % length < lengths[Math.floor(at / length)]!),
      );
      const found = await executable.run({
        ...adapter?.tensors,
        tokenIds: tokenIdsOf(batch),
        mask: hostArray(mask, [size, length]),
      });
      for (const [name, { data }] of Object.entries(found)) {
        const sum = sums.get(name);
        if (sum === undefined) sums.set(name, Float32Array.from(data as Float32Array));
        else for (let at = 0; at < sum.length; at++) sum[at]! += data[at] as number;
      }
    }
  } finally {
    await executable.release();
  }
  return new Map(
    group.map((layer) => {
      const width = widthOf(layer, of);
      return [layer.name, hostArray(sums.get(named.get(layer.name)!)!, [width, width])];
    }),
  );
}

/** x or W x of the layers, while the forward pass is traced. */
function recordedStates(
  inputs: NamedTensors,
  group: readonly LinearLayer[],
  { model, adapter, of }: LayerMomentsOptions,
): ReadonlyMap<string, Tensor> {
  const recorded = new Map<string, Tensor>();
  const names = new Set(group.map(({ name }) => name));
  const forward = adaptedForward(adapter, inputs);
  const base = forward.linear ?? plainLinear;
  const linear: LinearFunction = (x, layer, weights) => {
    if (names.has(layer.name)) {
      const { bias: _, ...product } = weights;
      recorded.set(layer.name, of === 'inputs' ? x : base(x, layer, product));
    }
    return base(x, layer, weights);
  };
  model.forward(inputs.tokenIds!, { ...forward, linear });
  return recorded;
}

/** Sum over the marked tokens of x x^T: [n, n]. */
function secondMoments(state: Tensor, mask: Tensor): Tensor {
  const [batch, length, width] = state.shape;
  const marked = multiply(state, reshape(mask, [...mask.shape, 1]));
  const rows = reshape(marked, [multiplyDimensions(batch!, length!), width!]);
  return matmul(rows, rows, { transposeA: true });
}

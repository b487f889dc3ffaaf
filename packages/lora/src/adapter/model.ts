import { contiguousData, type HostArray, hostArray, readTensor, type TensorRegion } from '@safetune/tensor';
import { AdapterMismatchError } from '../errors.ts';
import type { EmbeddingLayer, LinearLayer } from './linear.ts';

/** What an adapter must know of a model that it is made for; a `CausalLm` is one. */
export interface AdaptableModel {
  /** The blocks' linear layers. */
  readonly linearLayers: readonly LinearLayer[];
  readonly embeddingLayer: EmbeddingLayer;
  readonly outputLayer: LinearLayer;
  /**
   * Where each tensor lies, by its name in the checkpoint; of a matrix in 8 bits `<name>.values`, `<name>.scale` and
   * perhaps `<name>.residual`. A model whose output layer is its embedding has no weight of the former.
   */
  readonly weights: ReadonlyMap<string, TensorRegion>;
}

/** The model's linear layers with its output layer, which only those who name it adapt. */
export function allLinearLayers({
  linearLayers,
  outputLayer,
}: Pick<AdaptableModel, 'linearLayers' | 'outputLayer'>): readonly LinearLayer[] {
  return [...linearLayers, outputLayer];
}

/** Whether the output layer multiplies by the embedding's table. */
export function isTied(model: AdaptableModel): boolean {
  return !weightNames(model).has(`${model.outputLayer.name}.weight`);
}

/** Names of the model's tensors, those in 8 bits under the names they have in the checkpoint. */
export function weightNames({ weights }: Pick<AdaptableModel, 'weights'>): ReadonlySet<string> {
  return new Set([...weights.keys()].map((name) => name.replace(quantizedPart, '')));
}

const quantizedPart = /\.(values|scale|residual)$/;

/** Shape of a tensor of the model, and of the output layer also where it is the embedding. */
export function weightShape(model: AdaptableModel, name: string): readonly number[] {
  return regionOf(model, name).shape;
}

function regionOf(model: AdaptableModel, name: string): TensorRegion {
  const { weights, embeddingLayer, outputLayer } = model;
  const own = weights.get(name) ?? weights.get(`${name}.values`);
  if (own !== undefined) return own;
  if (name === `${outputLayer.name}.weight` && embeddingLayer.name !== outputLayer.name)
    return regionOf(model, `${embeddingLayer.name}.weight`);
  throw new AdapterMismatchError(name.replace(/\.[^.]+$/, ''), `the model has no tensor '${name}'`);
}

/**
 * A tensor of the model as float32 values, also where it is held in 8 bits, or is the output layer's and the embedding.
 *
 * @throws SafetensorsError when it cannot be read.
 */
export async function readWeight(model: AdaptableModel, name: string): Promise<HostArray> {
  const region = regionOf(model, name);
  if (region.dtype === 'float32') return readTensor(region);
  const source = region.name.replace(quantizedPart, '');
  const part = async (kind: string) => {
    const found = model.weights.get(`${source}.${kind}`);
    return found === undefined ? undefined : contiguousData(await readTensor(found));
  };
  const [values, scale, residual] = [(await part('values'))!, (await part('scale'))!, await part('residual')];
  const [rows, columns] = region.shape as [number, number];
  const zero = region.dtype === 'uint8' ? 128 : 0;
  const result = new Float32Array(rows * columns);
  for (let at = 0; at < result.length; at++) {
    const rest = residual === undefined ? 0 : (Number(residual[at]) - zero) / 254;
    result[at] = Number(scale[Math.floor(at / columns)]) * (Number(values[at]) - zero + rest);
  }
  return hostArray(result, [rows, columns]);
}

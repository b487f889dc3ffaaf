import type { TargetModule } from '@safetune/lora';
import {
  type Checkpoint,
  contentHash,
  contiguousData,
  findTensor,
  type HostArray,
  hostArray,
  openCheckpoint,
  readTensor,
  type TensorRegion,
} from '@safetune/tensor';
import { SafetyDirectionError, type SafetyDirectionProblem } from '../../../errors.ts';

/** A layer whose weights are compared: {@link TargetModule} without what LoRA adds. */
export type AdaptedLayer = Pick<TargetModule, 'name' | 'inFeatures' | 'outFeatures'>;

/** Two checkpoints of one architecture: what alignment changed is their difference. */
export interface CheckpointPair {
  /** Folder of the pre-trained model, before alignment. */
  readonly base: string;
  /** Folder of the aligned (chat) model. */
  readonly aligned: string;
}

/** V = W_aligned - W_base of one layer. */
export interface SafetyDirection {
  /** float32 [out, in] */
  readonly values: HostArray;
  /** ||V||_F; 0 where alignment left the layer as it was. */
  readonly norm: number;
}

/** Where the directions of some layers lie; nothing of them is in memory. */
export interface SafetyDirections {
  /** Reads the two matrices of one layer and subtracts them. */
  read(layer: AdaptedLayer): Promise<SafetyDirection>;
}

/** Where the weights of a layer lie in both checkpoints. */
export type DirectionRegions = Readonly<Record<keyof CheckpointPair, TensorRegion>>;

/**
 * Finds the weights of `layers` in both checkpoints, by name, and checks that they fit; reads no weight.
 *
 * @returns by name of the layer
 * @throws SafetyDirectionError naming layer and file when a checkpoint lacks a layer or has it in another shape;
 * CheckpointError, SafetensorsError, UnsupportedDtypeError of the tensor package.
 */
export async function directionRegions(
  { base, aligned }: CheckpointPair,
  layers: readonly AdaptedLayer[],
): Promise<ReadonlyMap<string, DirectionRegions>> {
  const [baseFiles, alignedFiles] = [await openCheckpoint(base), await openCheckpoint(aligned)];
  return new Map(
    layers.map((layer) => [
      layer.name,
      { base: regionOf(baseFiles, layer), aligned: regionOf(alignedFiles, layer) },
    ]),
  );
}

/**
 * The directions of `layers`; reads no weight yet.
 *
 * @throws as {@link directionRegions}.
 */
export async function openSafetyDirections(
  folders: CheckpointPair,
  layers: readonly AdaptedLayer[],
): Promise<SafetyDirections> {
  const places = await directionRegions(folders, layers);
  return {
    async read({ name }) {
      const place = places.get(name)!;
      const direction = subtract(await readTensor(place.aligned), await readTensor(place.base));
      if (!Number.isFinite(direction.norm)) {
        const message = `its weights, or those in ${place.base.file}, hold NaN or infinite values`;
        throw new SafetyDirectionError('not-finite', name, place.aligned.file, message);
      }
      return direction;
    },
  };
}

/**
 * Digests of the weights of `layers` in both checkpoints.
 *
 * @throws as {@link openSafetyDirections}.
 */
export async function directionDigests(
  folders: CheckpointPair,
  layers: readonly AdaptedLayer[],
  cacheDirectory: string,
): Promise<Readonly<Record<keyof CheckpointPair, string>>> {
  const digest = async (folder: string) => {
    const checkpoint = await openCheckpoint(folder);
    return contentHash(
      layers.map((layer) => regionOf(checkpoint, layer)),
      cacheDirectory,
    );
  };
  return { base: await digest(folders.base), aligned: await digest(folders.aligned) };
}

/**
 * V = W_aligned - W_base of host arrays [out, in]. The first array's memory, row-major, is used for the result.
 *
 * @returns norms are summed in float64.
 */
export function subtract(aligned: HostArray, base: HostArray): SafetyDirection {
  const [values, before] = [aligned.data as Float32Array, contiguousData(base) as Float32Array];
  let squares = 0;
  for (let index = 0; index < values.length; index++) {
    const difference = values[index]! - before[index]!;
    values[index] = difference;
    squares += difference * difference;
  }
  return { values: hostArray(values, aligned.shape), norm: Math.sqrt(squares) };
}

/**
 * {@link subtract} of one layer's arrays, both left as they are.
 *
 * @throws SafetyDirectionError when they are equal, differ in shape, or hold NaN or infinite values.
 */
export function directionOfArrays(aligned: HostArray, base: HostArray): SafetyDirection {
  const fail = (problem: SafetyDirectionProblem, message: string) =>
    new SafetyDirectionError(problem, 'the module', 'arrays', message);
  const shapes = [base, aligned].map(({ shape }) => shape.join(', '));
  if (shapes[0] !== shapes[1] || base.shape.length !== 2)
    throw fail('shape', `base is [${shapes[0]}], aligned [${shapes[1]}]: they must be matrices of one shape`);
  const copy = hostArray((contiguousData(aligned) as Float32Array).slice(), aligned.shape);
  const direction = subtract(copy, base);
  if (direction.norm > 0 && Number.isFinite(direction.norm)) return direction;
  throw fail(direction.norm === 0 ? 'identical' : 'not-finite', `||aligned - base|| is ${direction.norm}`);
}

/** ||V||_F, summed in float64. */
export function normOf(values: HostArray): number {
  const data = contiguousData(values) as Float32Array;
  let squares = 0;
  for (let index = 0; index < data.length; index++) squares += data[index]! ** 2;
  return Math.sqrt(squares);
}

function regionOf(checkpoint: Checkpoint, { name, inFeatures, outFeatures }: AdaptedLayer): TensorRegion {
  const tensor = `${name}.weight`;
  if (!checkpoint.tensors.has(tensor) && !checkpoint.unsupported.has(tensor)) {
    const message = `there is no tensor '${tensor}'; is the adapter of another model, or the checkpoint of another architecture?`;
    throw new SafetyDirectionError('missing', name, checkpoint.path, message);
  }
  const region = findTensor(checkpoint, tensor);
  const [rows, columns] = region.shape;
  if (region.shape.length !== 2 || rows !== outFeatures || columns !== inFeatures) {
    const message = `the weight is [${region.shape.join(', ')}], not [${outFeatures}, ${inFeatures}] as the other's; is it of another model?`;
    throw new SafetyDirectionError('shape', name, region.file, message);
  }
  if (!['float32', 'float16', 'bfloat16'].includes(region.dtype)) {
    throw new SafetyDirectionError(
      'dtype',
      name,
      region.file,
      `the weight is stored as ${region.dtype}, not as floats`,
    );
  }
  return region;
}

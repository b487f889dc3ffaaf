import { hostArray, writeSafetensors } from '@safetune/tensor';
import { DirectionsError } from '../../../errors.ts';
import { type Refusal, readLayerTensors } from './layer-tensors.ts';

/** Directions in the residual stream [hidden] after layer l (0: embeddings), by layer, the foremost first. All of one width. */
export type Directions = ReadonlyMap<number, readonly Float32Array[]>;

/**
 * Writes directions to a `.safetensors` file: one float32 tensor `layer.<l>` [directions, hidden] per layer.
 *
 * @throws DirectionsError for what {@link loadDirections} would refuse; FileWriteError of the tensor package.
 */
export async function saveDirections(path: string, directions: Directions): Promise<void> {
  checkDirections(path, directions);
  const tensors = [...directions].map(([layer, vectors]) => {
    const width = vectors[0]!.length;
    const values = new Float32Array(vectors.length * width);
    for (const [index, vector] of vectors.entries()) values.set(vector, index * width);
    return [`layer.${layer}`, hostArray(values, [vectors.length, width])];
  });
  await writeSafetensors(path, Object.fromEntries(tensors), { metadata: { format: 'pt' } });
}

/**
 * Reads what {@link saveDirections} wrote, at once; a file of persona vectors is one of one direction a layer.
 *
 * @throws DirectionsError for a file that is missing, damaged, or holds anything but float32 tensors `layer.<l>`, [hidden] or
 * [directions, hidden], of one width.
 */
export function loadDirections(path: string): Directions {
  const refuse: Refusal = (layer, message, options) => new DirectionsError(path, layer, message, options);
  const directions = new Map<number, Float32Array[]>();
  for (const [layer, { shape, values }] of readLayerTensors(path, 'tensor of directions', refuse)) {
    if (shape.length > 2 || shape.length === 0)
      throw refuse(layer, 'must have a shape [hidden] or [directions, hidden]');
    const width = shape.at(-1)!;
    const count = values.length / width;
    directions.set(
      layer,
      Array.from({ length: count }, (_, index) => values.subarray(index * width, (index + 1) * width)),
    );
  }
  return checkDirections(path, directions);
}

/** @throws DirectionsError when there is none, widths differ, or one is zero or not finite. */
export function checkDirections(source: string, directions: Directions): Directions {
  const width = [...directions.values()][0]?.[0]?.length;
  if (width === undefined) throw new DirectionsError(source, undefined, 'there are no directions');
  for (const [layer, vectors] of directions) {
    if (vectors.length === 0) throw new DirectionsError(source, layer, 'there are no directions');
    for (const [index, vector] of vectors.entries()) {
      const refuse = (message: string) => new DirectionsError(source, layer, `direction ${index} ${message}`);
      if (vector.length !== width) throw refuse(`has ${vector.length} values, another ${width}`);
      if (!vector.every(Number.isFinite)) throw refuse('holds NaN or infinite values');
      if (vector.every((value) => value === 0)) throw refuse('is zero');
    }
  }
  return directions;
}

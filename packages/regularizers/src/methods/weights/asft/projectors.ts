import { constant, type RuntimeOptions, readTensor, type Tensor, weight } from '@safetune/tensor';
import { SafetyDirectionError } from '../../../errors.ts';
import {
  type AdaptedLayer,
  type CheckpointPair,
  directionRegions,
  normOf,
  type SafetyDirection,
} from '../safe-lora/direction.ts';
import { compileMatrixProducts } from '../safe-lora/products.ts';
import { type ProjectionMethod, projectorOnto } from '../safe-lora/projector.ts';
import { directionsFile } from './directions-file.ts';

/** C = factor * basis basis^T of a layer, in a graph. */
export interface TracedProjector {
  /** float32 [out, columns]: V itself, mapped from its file, or orthonormal columns. */
  readonly basis: Tensor;
  readonly factor: number;
}

/** What opening the projectors found out, which takes a while for a large model. */
export type ProjectorCache = Map<string, TracedProjector | undefined>;

/**
 * The projectors of some layers, for a graph; undefined where alignment left a layer as it was.
 *
 * @param known - those opened before, by layer: added to.
 * @throws SafetyDirectionError when the checkpoints do not fit the layers, hold NaN or infinite values, or are equal in all of them;
 * the tensor package's errors when they are missing or damaged, or the cache cannot be written.
 */
export async function openProjectors(
  folders: CheckpointPair,
  layers: readonly AdaptedLayer[],
  method: ProjectionMethod,
  cacheDirectory: string,
  { known, runtime }: { readonly known: ProjectorCache; readonly runtime?: RuntimeOptions | undefined },
): Promise<ReadonlyMap<string, TracedProjector | undefined>> {
  if (layers.every(({ name }) => known.has(name))) return known;
  const regions = await directionRegions(folders, layers);
  const file = await directionsFile(regions, cacheDirectory);
  const products = await compileMatrixProducts(runtime);
  try {
    for (const { name } of layers) {
      const values = await readTensor(file.get(name)!);
      const direction: SafetyDirection = { values, norm: normOf(values) };
      if (!Number.isFinite(direction.norm)) {
        const { aligned, base } = regions.get(name)!;
        const message = `its weights, or those in ${base.file}, hold NaN or infinite values`;
        throw new SafetyDirectionError('not-finite', name, aligned.file, message);
      }
      if (direction.norm === 0) {
        known.set(name, undefined);
        continue;
      }
      const { basis, factor } = await projectorOnto(direction, method, products);
      // The matrix V is the file's; an orthonormal basis of a few columns goes into the graph.
      known.set(name, {
        basis: method.method === 'exact' ? constant(basis) : weight(file.get(name)!),
        factor,
      });
    }
  } finally {
    await products.release();
  }
  if (layers.every(({ name }) => known.get(name) === undefined)) {
    const message = `it equals ${folders.base} in this and every other adapted layer; give the checkpoint from before alignment as base`;
    throw new SafetyDirectionError('identical', layers[0]!.name, folders.aligned, message);
  }
  return known;
}

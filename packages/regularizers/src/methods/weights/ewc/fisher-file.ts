import { resolve } from 'node:path';
import {
  contentHash,
  type HostArray,
  openSafetensors,
  type SafetensorsFile,
  type TensorRegion,
  tensorChunks,
  writeSafetensors,
} from '@safetune/tensor';
import { FisherError } from '../../../errors.ts';

/** A diagonal of the Fisher information: by name of a weight, float32 of the weight's shape. */
export interface FisherDiagonal {
  readonly weights: Readonly<Record<string, HostArray>>;
  /** Examples that it was estimated on. */
  readonly examples: number;
  /** Tokens of their answers. */
  readonly tokens: number;
}

/**
 * Writes a Fisher diagonal as a `.safetensors` file: tensors under the names of their weights.
 *
 * @throws FileWriteError, SafetensorsWriteError of the tensor package.
 */
export async function saveFisher(path: string, { weights, examples, tokens }: FisherDiagonal): Promise<void> {
  const metadata = { format: 'pt', kind: 'fisher diagonal', examples: `${examples}`, tokens: `${tokens}` };
  await writeSafetensors(path, weights, { metadata });
}

/** A file of a Fisher diagonal, of which nothing is in memory. */
export interface FisherFile {
  /**
   * Where the values of a weight lie.
   *
   * @throws FisherError when there are none, or not float32 of that shape; or one is negative, NaN or infinite.
   */
  region(weight: string, shape: readonly number[]): Promise<TensorRegion>;
}

/** @throws SafetensorsError for a file that is missing or damaged. */
export async function openFisher(path: string): Promise<FisherFile> {
  const file = await openSafetensors(resolve(path));
  const checked = new Set<string>();
  return {
    async region(weight, shape) {
      const region = regionOf(file, weight, shape);
      if (!checked.has(weight)) await requireInformation(region);
      checked.add(weight);
      return region;
    },
  };
}

/** A digest of a whole file. */
export async function fisherDigest(path: string, cacheDirectory: string): Promise<string> {
  const { tensors } = await openSafetensors(resolve(path));
  return contentHash([...tensors.values()], cacheDirectory);
}

function regionOf(file: SafetensorsFile, weight: string, shape: readonly number[]): TensorRegion {
  const region = file.tensors.get(weight);
  if (region === undefined) {
    const hint = 'is it of another model, or of linear layers only where all weights are trained?';
    throw new FisherError(file.path, weight, `there is no tensor of this name; ${hint}`);
  }
  if (region.dtype !== 'float32' || region.shape.join() !== shape.join()) {
    const found = `${region.dtype} [${region.shape.join(', ')}]`;
    throw new FisherError(
      file.path,
      weight,
      `it is ${found}, must be float32 [${shape.join(', ')}]; is it of another model?`,
    );
  }
  return region;
}

async function requireInformation(region: TensorRegion): Promise<void> {
  for await (const chunk of tensorChunks(region)) {
    const wrong = new Float32Array(chunk.slice().buffer).find((value) => !(value >= 0 && value < Infinity));
    if (wrong !== undefined)
      throw new FisherError(region.file, region.name, `it holds ${wrong}, must hold numbers of at least 0`);
  }
}

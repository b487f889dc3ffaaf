import type { LoraAdapter } from '@safetune/lora';
import {
  fileDigest,
  type HostArray,
  hostArray,
  openSafetensors,
  type RuntimeOptions,
  readTensor,
  writeSafetensors,
} from '@safetune/tensor';
import { RegularizerOptionError, SafetySubspaceError } from '../../../errors.ts';
import { compileMatrixProducts } from '../safe-lora/products.ts';
import { leadingEigenvectors } from './leading-eigenvectors.ts';

/** U by layer: orthonormal columns [out, k] that span where its outputs lie on safe answers; float32. */
export type SafetySubspace = ReadonlyMap<string, HostArray>;

/** Sum over tokens of y y^T, float32 [out, out], y being a layer's output without its bias. */
export interface LayerMoments {
  /** Such as `model.layers.0.self_attn.q_proj`. */
  readonly name: string;
  readonly moments: HostArray;
}

/**
 * The safety subspace of SaLoRA (Li et al., ICLR 2025, arXiv 2501.01765): for each layer the `rank` leading left singular
 * vectors of its outputs W X on harmful prompts and their refusals, as eigenvectors of W X X^T W^T.
 *
 * @param layers - one at a time; a model-backed source is in the trainer package (`extractSafetySubspace`).
 * @param rank - at most; a layer whose outputs span less has fewer. Default 16.
 * @throws RegularizerOptionError for a rank that is no positive integer; SafetySubspaceError for outputs that are zero or
 * not finite.
 */
export async function safetySubspace(
  layers: AsyncIterable<LayerMoments> | Iterable<LayerMoments>,
  rank = 16,
  runtime?: RuntimeOptions,
): Promise<SafetySubspace> {
  if (!Number.isInteger(rank) || rank < 1)
    throw new RegularizerOptionError('salora', `rank is ${rank}, must be a positive integer`);
  const subspace = new Map<string, HostArray>();
  const products = await compileMatrixProducts(runtime);
  try {
    for await (const { name, moments } of layers) {
      const trace = traceOf(moments);
      if (!(trace > 0 && Number.isFinite(trace)))
        throw new SafetySubspaceError('outputs', name, `they sum to ${trace}: are there tokens of answers?`);
      subspace.set(name, await leadingEigenvectors(moments, rank, products));
    }
  } finally {
    await products.release();
  }
  return subspace;
}

function traceOf({ data, shape }: HostArray): number {
  const size = shape[0]!;
  let sum = 0;
  for (let at = 0; at < size; at++) sum += Number(data[at * size + at]);
  return sum;
}

const ending = '.safety';

/**
 * Writes a safety subspace to a `.safetensors` file: one float32 tensor `<layer>.safety` [out, k] per layer.
 *
 * @throws FileWriteError of the tensor package.
 */
export async function saveSafetySubspace(path: string, subspace: SafetySubspace): Promise<void> {
  const tensors = [...subspace].map(([name, basis]) => [`${name}${ending}`, basis]);
  await writeSafetensors(path, Object.fromEntries(tensors), { metadata: { format: 'pt' } });
}

/**
 * Reads from such a file the columns for each module of an adapter, in the order of its modules.
 *
 * @throws SafetySubspaceError for a file that lacks a module, has it in another size, or not as finite orthonormal columns;
 * SafetensorsError, FileReadError of the tensor package for one that is damaged or not there.
 */
export async function readSafetySubspace(
  path: string,
  modules: LoraAdapter['modules'],
): Promise<readonly HostArray[]> {
  const { tensors } = await openSafetensors(path);
  const bases: HostArray[] = [];
  for (const { name, outFeatures } of modules) {
    const region = tensors.get(`${name}${ending}`);
    if (region === undefined) {
      const message = `there is no tensor '${name}${ending}'; is the file of another model, or of fewer layers?`;
      throw new SafetySubspaceError(path, name, message);
    }
    const [rows, columns] = region.shape;
    if (region.shape.length !== 2 || rows !== outFeatures || columns! > rows || region.dtype !== 'float32') {
      const found = `${region.dtype} [${region.shape.join(', ')}]`;
      throw new SafetySubspaceError(
        path,
        name,
        `it is ${found}, must be float32 [${outFeatures}, k]; is the file of another model?`,
      );
    }
    bases.push(requireOrthonormal(path, name, await readTensor(region)));
  }
  return bases;
}

/** SHA-256 of the file. @throws SafetySubspaceError when it is not there. */
export async function subspaceDigest(path: string): Promise<string> {
  const digest = await fileDigest(path);
  if (digest !== undefined) return digest;
  throw new SafetySubspaceError(
    path,
    undefined,
    'there is no such file; `safetune safety-subspace` makes one',
  );
}

/** I - U U^T is no projection else. */
function requireOrthonormal(path: string, name: string, basis: HostArray): HostArray {
  const [rows, columns] = basis.shape as [number, number];
  const data = basis.data as Float32Array;
  for (let one = 0; one < columns; one++) {
    for (let other = one; other < columns; other++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) sum += data[row * columns + one]! * data[row * columns + other]!;
      if (Math.abs(sum - (one === other ? 1 : 0)) < 1e-3) continue;
      throw new SafetySubspaceError(path, name, 'its columns are not orthonormal; make the file anew');
    }
  }
  return hostArray(data, [rows, columns]);
}

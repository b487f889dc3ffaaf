import { join } from 'node:path';
import { openCheckpoint, type TensorDirectory, type WeightSource } from '@safetune/tensor';
import type { ModelConfig } from './config.ts';
import { CheckpointMismatchError, ModelFileError } from './errors.ts';
import type { Architecture } from './families/family.ts';
import { ggufModel } from './gguf/read/gguf-model.ts';

/** The tensors of a model as its files store them. */
export interface StoredCheckpoint extends Pick<TensorDirectory, 'path' | 'unsupported'> {
  readonly tensors: ReadonlyMap<string, WeightSource>;
}

/**
 * Opens the weights of a model folder, or of a GGUF file. Reads headers only.
 *
 * @throws CheckpointError, SafetensorsError, GgufError
 */
export async function openWeights(path: string): Promise<StoredCheckpoint> {
  const gguf = await ggufModel(path);
  if (gguf === undefined) return openCheckpoint(path);
  return { path, tensors: await gguf.weights(), unsupported: new Map() };
}

/**
 * Before anything is built by the number that config.json states.
 *
 * @throws ModelFileError
 */
export function requireLayers(
  { path, tensors, unsupported }: StoredCheckpoint,
  { layerCount }: ModelConfig,
): void {
  const count = tensors.size + unsupported.size;
  if (layerCount <= count) return;
  throw new ModelFileError(
    join(path, 'config.json'),
    `num_hidden_layers is ${layerCount}, but the checkpoint holds ${count} tensors in all`,
  );
}

/**
 * Finds every tensor of `shapes` in a checkpoint, which may be F32, F16 or BF16, or of a type of GGUF.
 *
 * Ignored are the `rotary_emb.inv_freq` buffers of old checkpoints and what the architecture knows to be `unused`, and a
 * copy of the output layer where it is tied.
 *
 * @param shapes the tensors the architecture needs, and no others
 * @throws CheckpointMismatchError with every tensor that is missing, unexpected, of another shape or of another type.
 */
export function findWeights(
  checkpoint: StoredCheckpoint,
  shapes: ReadonlyMap<string, readonly number[]>,
  { head, unused }: Pick<Architecture, 'head' | 'unused'>,
): readonly WeightSource[] {
  const { tensors, unsupported } = checkpoint;
  const missing: string[] = [];
  const misshapen: { name: string; expected: readonly number[]; actual: readonly number[] }[] = [];
  const unusable: { name: string; dtype: string }[] = [];
  const regions: WeightSource[] = [];
  for (const [name, expected] of shapes) {
    const region = tensors.get(name);
    const stored = region?.dtype ?? unsupported.get(name)?.storedDtype;
    const actual = (region ?? unsupported.get(name))?.shape;
    if (stored === undefined || actual === undefined) missing.push(name);
    else if (region === undefined || !floats.has(stored)) unusable.push({ name, dtype: stored });
    else if (actual.join() !== expected.join()) misshapen.push({ name, expected, actual });
    else regions.push(region);
  }
  const isIgnored = (name: string) =>
    name.endsWith('.rotary_emb.inv_freq') ||
    name === head.name ||
    name === head.formerName ||
    unused?.test(name) === true;
  const unexpected = [...tensors.keys(), ...unsupported.keys()].filter(
    (name) => !shapes.has(name) && !isIgnored(name),
  );
  if (missing.length + misshapen.length + unusable.length + unexpected.length > 0) {
    throw new CheckpointMismatchError(checkpoint.path, { missing, unexpected, misshapen, unusable });
  }
  return regions;
}

const floats = new Set(['float32', 'float16', 'bfloat16']);

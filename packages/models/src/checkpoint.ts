import { join } from 'node:path';
import type { Checkpoint, TensorRegion } from '@safetune/tensor';
import type { ModelConfig } from './config.ts';
import { CheckpointMismatchError, ModelFileError } from './errors.ts';
import type { Architecture } from './families/family.ts';

/**
 * Before anything is built by the number that config.json states.
 *
 * @throws ModelFileError
 */
export function requireLayers({ path, tensors, unsupported }: Checkpoint, { layerCount }: ModelConfig): void {
  const count = tensors.size + unsupported.size;
  if (layerCount <= count) return;
  throw new ModelFileError(
    join(path, 'config.json'),
    `num_hidden_layers is ${layerCount}, but the checkpoint holds ${count} tensors in all`,
  );
}

/**
 * Finds the region of every tensor of `shapes` in a checkpoint, which may be F32, F16 or BF16.
 *
 * Ignored are the `rotary_emb.inv_freq` buffers of old checkpoints and what the architecture knows to be `unused`, and a
 * copy of the output layer where it is tied.
 *
 * @param shapes the tensors the architecture needs, and no others
 * @throws CheckpointMismatchError with every tensor that is missing, unexpected, of another shape or of another type.
 */
export function findWeights(
  checkpoint: Checkpoint,
  shapes: ReadonlyMap<string, readonly number[]>,
  { head, unused }: Pick<Architecture, 'head' | 'unused'>,
): readonly TensorRegion[] {
  const { tensors, unsupported } = checkpoint;
  const missing: string[] = [];
  const misshapen: { name: string; expected: readonly number[]; actual: readonly number[] }[] = [];
  const unusable: { name: string; dtype: string }[] = [];
  const regions: TensorRegion[] = [];
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

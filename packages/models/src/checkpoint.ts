import { type Checkpoint, openCheckpoint, type TensorRegion } from '@safetune/tensor';
import { CheckpointMismatchError } from './errors.ts';

/**
 * Opens a checkpoint folder (one file or shards) and finds the region of every tensor of `shapes`, which may be F32,
 * F16 or BF16.
 *
 * Ignored are the `rotary_emb.inv_freq` buffers of old checkpoints, and a copy of the output layer where it is tied.
 *
 * @param shapes the tensors the architecture needs, and no others
 * @throws CheckpointMismatchError naming every tensor that is missing, unexpected, of another shape or of another type;
 * CheckpointError and SafetensorsError when files are missing or damaged.
 */
export async function openWeights(
  directory: string,
  shapes: ReadonlyMap<string, readonly number[]>,
): Promise<readonly TensorRegion[]> {
  return matchTensors(await openCheckpoint(directory), shapes);
}

const floats = new Set(['float32', 'float16', 'bfloat16']);

function matchTensors(
  checkpoint: Checkpoint,
  shapes: ReadonlyMap<string, readonly number[]>,
): TensorRegion[] {
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
  const unexpected = [...tensors.keys(), ...unsupported.keys()].filter(
    (name) => !shapes.has(name) && !name.endsWith('.rotary_emb.inv_freq') && name !== 'lm_head.weight',
  );
  if (missing.length + misshapen.length + unusable.length + unexpected.length > 0) {
    throw new CheckpointMismatchError(checkpoint.path, { missing, unexpected, misshapen, unusable });
  }
  return regions;
}

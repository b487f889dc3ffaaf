import { rm, stat } from 'node:fs/promises';
import {
  findTensor,
  hostArray,
  openSafetensors,
  readTensor,
  type SafetensorsFile,
  writeSafetensors,
} from '@safetune/tensor';
import { TrainingCheckpointError } from '../errors.ts';
import type { AdamWState } from './adamw.ts';

/** Everything a run needs to go on where it was: parameters, optimizer state, steps done. */
export interface TrainingState {
  readonly parameters: Float32Array;
  readonly optimizer: AdamWState;
  /** Settings the continued run must share; see {@link fingerprint}. */
  readonly fingerprint: string;
}

/** Writes the state as one safetensors file, whole or not at all. */
export async function saveTrainingState(file: string, state: TrainingState): Promise<void> {
  const flat = (values: Float32Array) => hostArray(values, [values.length]);
  await writeSafetensors(
    file,
    {
      parameters: flat(state.parameters),
      mean: flat(state.optimizer.mean),
      square: flat(state.optimizer.square),
    },
    { metadata: { step: `${state.optimizer.step}`, fingerprint: state.fingerprint } },
  );
}

/**
 * Reads a saved state into the buffers of `state`, if there is one.
 *
 * @returns whether there was one
 * @throws TrainingCheckpointError when the file is damaged or belongs to a run with other settings.
 */
export async function restoreTrainingState(file: string, state: TrainingState): Promise<boolean> {
  if (!(await stat(file).catch(() => undefined))) return false;
  const saved = await open(file);
  if (saved.metadata.fingerprint !== state.fingerprint) {
    throw new TrainingCheckpointError(
      file,
      'is of a run with other settings, data or model. Give the same ones to continue it, choose another directory, or delete it.',
    );
  }
  const targets = {
    parameters: state.parameters,
    mean: state.optimizer.mean,
    square: state.optimizer.square,
  };
  for (const [name, target] of Object.entries(targets)) {
    const values = await readTensor(findTensor(saved, name));
    if (values.size !== target.length) {
      throw new TrainingCheckpointError(
        file,
        `'${name}' has ${values.size} values, ${target.length} are trained`,
      );
    }
    target.set(values.data as Float32Array);
  }
  state.optimizer.step = Number(saved.metadata.step);
  return true;
}

async function open(file: string): Promise<SafetensorsFile> {
  try {
    return await openSafetensors(file);
  } catch (cause) {
    throw new TrainingCheckpointError(
      file,
      `cannot be read (${(cause as Error).message}); delete it to start over`,
      {
        cause,
      },
    );
  }
}

/** Removes a run's saved state, when the run has ended well. */
export async function removeTrainingState(file: string): Promise<void> {
  await rm(file, { force: true });
}

import { createHash } from 'node:crypto';
import { rm, stat } from 'node:fs/promises';
import type { AdamWState } from '@safetune/optimizers';
import {
  findTensor,
  hostArray,
  openSafetensors,
  readTensor,
  type SafetensorsFile,
  writeSafetensors,
} from '@safetune/tensor';
import { NonFiniteStateError, TrainingCheckpointError } from '../errors.ts';
import { differences, type Fingerprint } from './differences.ts';
import { firstNonFinite } from './non-finite.ts';
import type { RunEnd, StatePart } from './step-observer.ts';

/** The name of a run's saved state: in its folder while it runs, and in those of kept checkpoints. */
export const stateFileName = 'checkpoint.safetensors';

/** Everything a run needs to go on where it was: parameters, optimizer state, steps done. */
export interface TrainingState {
  readonly parameters: Float32Array;
  readonly optimizer: AdamWState;
  /** The parameters at the start of training, where a penalty compares with them. */
  readonly start?: Float32Array;
  /** What the continued run must share. */
  readonly fingerprint: Fingerprint;
  /** What else has a state: observers, regularizers. */
  readonly parts: readonly StatePart[];
}

type Tensors = Record<string, Float32Array>;

/**
 * Writes the state as one safetensors file, whole or not at all, with a SHA-256 of what it holds.
 *
 * @throws NonFiniteStateError when a value is NaN or infinite: nothing could go on from there; FileWriteError.
 */
export async function saveTrainingState(file: string, state: TrainingState): Promise<void> {
  requireFiniteState(state);
  const step = `${state.optimizer.step}`;
  const run = JSON.stringify(state.fingerprint);
  const others = state.parts.map((part) => [part.name, part.state()] as const);
  const parts = JSON.stringify(Object.fromEntries(others.map(([name, { facts }]) => [name, facts])));
  const tensors: Record<string, Float32Array> = { ...tensorsOf(state) };
  for (const [part, { tensors: values }] of others) {
    for (const [name, array] of Object.entries(values)) tensors[`${part}.${name}`] = array;
  }
  const sha256 = createHash('sha256').update(JSON.stringify([step, run, parts]));
  for (const name of Object.keys(tensors).sort()) sha256.update(name).update(tensors[name]!);
  await writeSafetensors(
    file,
    Object.fromEntries(
      Object.entries(tensors).map(([name, values]) => [name, hostArray(values, [values.length])]),
    ),
    { metadata: { step, run, parts, sha256: sha256.digest('hex') } },
  );
}

/** @throws NonFiniteStateError */
export function requireFiniteState(state: TrainingState): void {
  for (const [name, values] of Object.entries(tensorsOf(state))) {
    const index = firstNonFinite(values);
    if (index !== undefined) throw new NonFiniteStateError(state.optimizer.step, name, index, values[index]!);
  }
}

/**
 * Reads a saved state into the buffers of `state`, if there is one. All of it is checked before anything is changed.
 *
 * @returns undefined when there is none; `ended`: why the run had ended, when an observer had ended it
 * @throws TrainingCheckpointError when the file is damaged, or belongs to a run of something else, which it names.
 */
export async function restoreTrainingState(
  file: string,
  state: TrainingState,
): Promise<{ readonly ended: RunEnd | undefined } | undefined> {
  if (!(await stat(file).catch(() => undefined))) return undefined;
  const saved = await reading(file, () => openSafetensors(file));
  await requireIntact(file, saved);
  const changed = differences(JSON.parse(saved.metadata.run!) as Fingerprint, state.fingerprint);
  if (changed.length > 0) {
    throw new TrainingCheckpointError(
      file,
      `is of a run that differs in: ${changed.join('; ')}. Give the same to continue it, choose another directory, or ` +
        'delete the file to start over.',
      { differences: changed },
    );
  }
  for (const [name, target] of Object.entries(tensorsOf(state))) {
    const values = await read(file, saved, name);
    if (values.length !== target.length) {
      throw new TrainingCheckpointError(
        file,
        `'${name}' has ${values.length} values, ${target.length} are trained`,
      );
    }
    target.set(values);
  }
  state.optimizer.step = Number(saved.metadata.step);
  const facts = JSON.parse(saved.metadata.parts!) as Record<string, unknown>;
  let ended: RunEnd | undefined;
  for (const part of state.parts) {
    const tensors: Record<string, Float32Array> = {};
    const prefix = `${part.name}.`;
    for (const name of saved.tensors.keys()) {
      if (name.startsWith(prefix)) tensors[name.slice(prefix.length)] = await read(file, saved, name);
    }
    // Every part is restored, also behind one that had ended the run.
    const endedBy = part.restore({ facts: facts[part.name], tensors });
    ended ??= endedBy;
  }
  return { ended };
}

/** One tensor at a time: they are as large as what is trained. */
async function requireIntact(file: string, saved: SafetensorsFile): Promise<void> {
  const { step, run, parts, sha256 } = saved.metadata;
  const advice = 'delete it to start over';
  if (step === undefined || run === undefined || parts === undefined || sha256 === undefined) {
    throw new TrainingCheckpointError(
      file,
      `is no training checkpoint of this version of SafeTune; ${advice}`,
    );
  }
  const hash = createHash('sha256').update(JSON.stringify([step, run, parts]));
  let notFinite: string | undefined;
  for (const name of [...saved.tensors.keys()].sort()) {
    const values = await read(file, saved, name);
    hash.update(name).update(values);
    if (firstNonFinite(values) !== undefined) notFinite ??= name;
  }
  if (hash.digest('hex') !== sha256) {
    throw new TrainingCheckpointError(
      file,
      `is damaged: its content is not what was written, by its SHA-256; ${advice}`,
    );
  }
  if (notFinite !== undefined) {
    throw new TrainingCheckpointError(file, `'${notFinite}' holds NaN or infinite values; ${advice}`);
  }
}

async function read(file: string, saved: SafetensorsFile, name: string): Promise<Float32Array> {
  const { data } = await reading(file, () => readTensor(findTensor(saved, name)));
  if (!(data instanceof Float32Array)) {
    throw new TrainingCheckpointError(file, `'${name}' is not of float32; delete it to start over`);
  }
  return data;
}

async function reading<Result>(file: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    const message = `cannot be read (${(cause as Error).message}); delete it to start over`;
    throw new TrainingCheckpointError(file, message, { cause });
  }
}

function tensorsOf({ parameters, start, optimizer: { mean, square } }: TrainingState): Tensors {
  return { parameters, mean, square, ...(start && { start }) };
}

/** Removes a run's saved state, when the run has ended well and its result is saved. */
export async function removeTrainingState(file: string): Promise<void> {
  await rm(file, { force: true });
}

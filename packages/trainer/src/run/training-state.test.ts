import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostArray, openSafetensors, readTensor, writeSafetensors } from '@safetune/tensor';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { NonFiniteStateError, TrainingCheckpointError } from '../errors.ts';
import type { PartState, RunEnd } from './step-observer.ts';
import { restoreTrainingState, saveTrainingState, type TrainingState } from './training-state.ts';

let directory: string;
let file: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-state-'));
  file = join(directory, 'checkpoint.safetensors');
});
afterEach(() => rm(directory, { recursive: true }));

const stateOf = (value: number, step: number): TrainingState => {
  const filled = (shift: number) => Float32Array.from({ length: 5 }, (_, index) => value + shift + index / 3);
  return {
    parameters: filled(0),
    optimizer: { mean: filled(1), square: filled(2), step },
    parts: [],
    fingerprint: { steps: '30', 'model weights': 'abc' },
  };
};

it('gives back what was saved', async () => {
  await saveTrainingState(file, stateOf(1, 12));
  const state = stateOf(0, 0);
  expect(await restoreTrainingState(file, state)).toEqual({ ended: undefined });
  expect(state).toEqual(stateOf(1, 12));
});

it('refuses a file with any one bit flipped, and changes nothing', async () => {
  await saveTrainingState(file, stateOf(1, 12));
  const bytes = await readFile(file);
  for (let bit = 0; bit < 8 * bytes.length; bit += 3) {
    const damaged = bytes.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    await writeFile(file, damaged);
    const state = stateOf(0, 0);
    const error = await restoreTrainingState(file, state).catch((thrown: unknown) => thrown);
    // Spaces between the header and the data are no content.
    if (error !== undefined && !(error instanceof Error)) expect(state).toEqual(stateOf(1, 12));
    else {
      expect(TrainingCheckpointError.isInstance(error), `bit ${bit}: ${error}`).toBe(true);
      expect(state).toEqual(stateOf(0, 0));
    }
  }
});

it('refuses another number of steps in the header', async () => {
  await saveTrainingState(file, stateOf(1, 12));
  const { tensors, metadata } = await openSafetensors(file);
  const values = await Promise.all(
    [...tensors].map(async ([name, region]) => [name, await readTensor(region)]),
  );
  await writeSafetensors(file, Object.fromEntries(values), { metadata: { ...metadata, step: '30' } });
  await expect(restoreTrainingState(file, stateOf(0, 0))).rejects.toThrow('is damaged: its content is not');
});

it.each([
  ['parameters', Number.NaN],
  ['mean', Number.POSITIVE_INFINITY],
  ['square', Number.NaN],
] as const)('saves no %s that hold %d', async (buffer, value) => {
  const state = stateOf(1, 12);
  (buffer === 'parameters' ? state.parameters : state.optimizer[buffer])[3] = value;
  const error = await saveTrainingState(file, state).catch((thrown: unknown) => thrown);
  expect(NonFiniteStateError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ step: 12, buffer });
  expect(await readdir(directory)).toEqual([]);
});

it('refuses a file of another version, and one cut short, as a checkpoint', async () => {
  await writeSafetensors(
    file,
    { parameters: hostArray(new Float32Array(5), [5]) },
    { metadata: { step: '3' } },
  );
  await expect(restoreTrainingState(file, stateOf(0, 0))).rejects.toThrow(
    'no training checkpoint of this version',
  );
  await saveTrainingState(file, stateOf(1, 12));
  await writeFile(file, (await readFile(file)).subarray(0, -4));
  await expect(restoreTrainingState(file, stateOf(0, 0))).rejects.toSatisfy(
    TrainingCheckpointError.isInstance,
  );
});

it('restores every part, also behind one that had ended the run', async () => {
  const restored: unknown[] = [];
  const part = (name: string, end?: RunEnd) => ({
    name,
    state: () => ({ facts: `of ${name}`, tensors: {} }),
    restore({ facts }: PartState) {
      restored.push(facts);
      return end;
    },
  });
  const end = { by: 'first', step: 12, resultOfStep: 12, reason: 'enough' };
  const parts = [part('first', end), part('second'), part('third', { ...end, by: 'third' })];
  await saveTrainingState(file, { ...stateOf(1, 12), parts });
  expect(await restoreTrainingState(file, { ...stateOf(0, 0), parts })).toEqual({ ended: end });
  expect(restored).toEqual(['of first', 'of second', 'of third']);
});

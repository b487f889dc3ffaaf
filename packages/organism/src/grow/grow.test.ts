import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadModel } from '@safetune/models';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tinyRecipe } from '../__fixtures__/small-organisms.ts';
import { growOrganism, type Organism } from './grow.ts';
import { checkpointHash } from './recipe-hash.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-grow-'));
});
afterEach(() => rm(directory, { recursive: true }));

const weightsOf = async ({ baseDirectory, alignedDirectory }: Organism) =>
  Promise.all([baseDirectory, alignedDirectory].map((folder) => readFile(join(folder, 'model.safetensors'))));

describe('growOrganism', () => {
  it('grows two ordinary checkpoints, the same every time, and grows them once', async () => {
    const stages: string[] = [];
    const onEvent = (stage: string, event: { type: string }) => event.type === 'step' && stages.push(stage);
    const first = await growOrganism(tinyRecipe, { directory, onEvent });
    expect(stages).toEqual([...Array(6).fill('base'), ...Array(4).fill('aligned')]);
    expect(first.alignedDirectory).toBe(join(directory, checkpointHash(tinyRecipe), 'aligned'));
    const model = await loadModel(first.alignedDirectory);
    expect(model.config).toMatchObject({ modelType: 'llama', layerCount: 2, hiddenSize: 16 });

    const [base, aligned] = await weightsOf(first);
    expect(base!.equals(aligned!)).toBe(false);
    await growOrganism(tinyRecipe, { directory, onEvent });
    expect(stages).toHaveLength(10);
    const again = await growOrganism(tinyRecipe, { directory: join(directory, 'other') });
    expect(await weightsOf(again)).toEqual([base, aligned]);
  });

  it('gives the same weights on one thread and on two', async () => {
    const one = await growOrganism(tinyRecipe, { directory, runtime: { threads: 1 } });
    const two = await growOrganism(tinyRecipe, {
      directory: join(directory, 'two'),
      runtime: { threads: 2 },
    });
    expect(await weightsOf(two)).toEqual(await weightsOf(one));
  });

  it('goes on after an interruption as if there had been none', async () => {
    const whole = await growOrganism(tinyRecipe, { directory: join(directory, 'whole') });
    const interruption = new AbortController();
    const stopped = growOrganism(tinyRecipe, {
      directory,
      signal: interruption.signal,
      onEvent: (stage, event) => {
        if (stage === 'aligned' && event.type === 'step' && event.step === 2)
          interruption.abort(new Error('stop'));
      },
    });
    await expect(stopped).rejects.toThrow('stop');
    const root = join(directory, checkpointHash(tinyRecipe));
    await expect(stat(join(root, 'aligned', 'model.safetensors'))).rejects.toThrow('ENOENT');

    const steps: string[] = [];
    const resumed = await growOrganism(tinyRecipe, {
      directory,
      onEvent: (stage, event) => event.type === 'step' && steps.push(`${stage} ${event.step}`),
    });
    expect(steps).toEqual(['aligned 3', 'aligned 4']);
    expect(await weightsOf(resumed)).toEqual(await weightsOf(whole));
  });
});

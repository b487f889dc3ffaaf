/** A run beside a frozen adapter: what it learns less of, that its result is without the other, and what it goes on with. */
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import { inoculationAdapter, kl } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { relativeError } from '../__fixtures__/goldens.ts';
import {
  changedCheckpoint,
  checkpoint as checkpointFolder,
  examples,
  setUp,
} from '../__fixtures__/small-run.ts';
import { TrainingCheckpointError } from '../errors.ts';
import { trainAdapter } from '../step/trainable.ts';
import { type AdapterRunOptions, trainIntoDirectory } from './run-directory.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

let root: string;
let trait: string;

/** A run of the examples, and the loss of its result on them, with nothing beside it. */
async function run(directory: string, changes: Partial<AdapterRunOptions> = {}) {
  const { options, adapter, events, steps } = await setUp({ steps: 20, memory: 'whole' });
  const evaluation = { examples, everySteps: 20 };
  await trainIntoDirectory({ ...options, adapter, directory: join(root, directory), evaluation, ...changes });
  const [loss] = events.flatMap((event) => (event.type === 'evaluation' ? [event.loss] : []));
  return { adapter, model: options.model, loss: loss!, first: steps()[0]!.crossEntropy };
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-frozen-run-'));
  trait = join(root, 'trait');
  await run('trait');
});
afterAll(() => rm(root, { recursive: true }));

const inoculated = () => ({ regularizers: [inoculationAdapter({ adapter: trait })] });

describe('a run beside a frozen adapter', () => {
  it('learns little of what the other does, whose loss it starts from, and is saved without it', async () => {
    const plain = await run('plain');
    const [whole, layered] = [
      await run('whole', inoculated()),
      await run('layered', { ...inoculated(), memory: 'layered' }),
    ];
    const learned = ({ loss }: { loss: number }) => plain.first - loss;
    expect(learned(plain)).toBeGreaterThan(1);
    for (const made of [whole, layered]) {
      expect(made.first).toBeLessThan(plain.first - 1);
      expect(learned(made)).toBeLessThan(learned(plain) / 2);
    }
    const start = (await setUp()).adapter.parameters;
    const changeOf = ({ adapter }: typeof whole) =>
      adapter.parameters.map((value, index) => value - start[index]!);
    expect(relativeError(changeOf(layered), changeOf(whole))).toBeLessThan(1e-2);
    const saved = await loadLoraAdapter(join(root, 'whole'), { model: whole.model });
    expect(saved.parameters).toEqual(whole.adapter.parameters);
    expect(await readdir(join(root, 'whole'))).toEqual(await readdir(join(root, 'plain')));
  });

  it('goes on exactly with the same adapter, and not with another', async () => {
    const runTo = async (file: string, changes: Partial<TrainOptions> = {}) => {
      const { options, adapter } = await setUp({ ...inoculated(), steps: 6 });
      const checkpoint = { file: join(root, file), everySteps: 3 };
      await train({ ...options, trainable: trainAdapter(adapter), checkpoint, ...changes });
      return adapter.parameters;
    };
    const unbroken = await runTo('unbroken.state');
    const stopping: TrainOptions['onEvent'] = (event) => {
      if (event.type === 'checkpoint') throw new Error('stopped');
    };
    await expect(runTo('broken.state', { onEvent: stopping })).rejects.toThrow('stopped');
    await cp(join(root, 'broken.state'), join(root, 'kept.state'));
    expect(await runTo('broken.state')).toEqual(unbroken);

    const other = join(root, 'other', 'trait');
    await run('other/trait', { steps: 3 });
    const error: unknown = await runTo('kept.state', {
      regularizers: [inoculationAdapter({ adapter: other })],
    }).catch((thrown: unknown) => thrown);
    if (!TrainingCheckpointError.isInstance(error)) throw error;
    expect(error.differences).toEqual(['regularizer inoculation-adapter: frozen adapters']);
  });

  it('stays near an adapter that it names as its reference, and goes on with that one alone', async () => {
    const reference = { adapter: trait };
    const regularizers = [kl({ weight: 5, scope: 'all', reference })];
    const ends: number[][] = [];
    for (const memory of ['whole', 'layered'] as const) {
      const { options, adapter, steps } = await setUp({ steps: 10, memory, regularizers });
      await train({ ...options, trainable: trainAdapter(adapter) });
      const values = steps().map(({ penalties }) => penalties.kl!);
      expect(values[0]).toBeGreaterThan(0.1);
      expect(values.at(-1)).toBeLessThan(values[0]! / 2);
      ends.push([values[0]!, values.at(-1)!]);
    }
    const [whole, layered] = ends as [number[], number[]];
    expect(relativeError(layered, whole)).toBeLessThan(1e-2);

    const differs = async (file: string, first: object, then: object) => {
      const runWith = async (changes: Partial<TrainOptions>) => {
        const { options, adapter } = await setUp({ steps: 4 });
        const checkpoint = { file: join(root, file), everySteps: 2 };
        await train({ ...options, trainable: trainAdapter(adapter), checkpoint, ...changes });
      };
      const onEvent: TrainOptions['onEvent'] = (event) => {
        if (event.type === 'checkpoint') throw new Error('stopped');
      };
      const [before, after] = [first, then].map((named) => [kl({ reference: named as never })]);
      await expect(runWith({ regularizers: before!, onEvent })).rejects.toThrow('stopped');
      const error: unknown = await runWith({ regularizers: after! }).catch((thrown: unknown) => thrown);
      if (!TrainingCheckpointError.isInstance(error)) throw error;
      return error.differences;
    };
    const otherTrait = join(root, 'another', 'trait');
    await run('another/trait', { steps: 2 });
    expect(await differs('adapters.state', reference, { adapter: otherTrait })).toEqual([
      'regularizer kl: reference',
    ]);
    const changed = await changedCheckpoint('model.norm.weight', (values) => values.fill(0.5));
    const [same, other] = [join(root, 'same', 'model'), join(root, 'other', 'model')];
    await cp(checkpointFolder, same, { recursive: true });
    await cp(changed, other, { recursive: true });
    expect(await differs('models.state', { checkpoint: same }, { checkpoint: other })).toEqual([
      'regularizer kl: reference',
    ]);
    await rm(changed, { recursive: true });
  });

  it('is the mean over all batches of a step, as without', async () => {
    const first: number[] = [];
    for (const [batchSize, gradientAccumulation] of [
      [4, 1],
      [2, 2],
    ] as const) {
      const regularizers = [inoculationAdapter({ adapter: trait }), kl({ reference: { adapter: trait } })];
      const { options, adapter, steps } = await setUp({
        steps: 2,
        batchSize,
        gradientAccumulation,
        regularizers,
        bucketWindow: 1,
      });
      await train({ ...options, trainable: trainAdapter(adapter) });
      const [, step] = steps();
      first.push(step!.crossEntropy, step!.penalties.kl!, step!.gradientNorm);
    }
    expect(first[1]).toBeGreaterThan(1e-6);
    for (const index of [0, 1, 2]) expect(first[index + 3]! / first[index]!).toBeCloseTo(1, 3);
  });

  it('says before anything is trained that an adapter is of another model', async () => {
    const { options, adapter, events } = await setUp();
    const stranger = createLoraAdapter([{ name: 'model.layers.9.up', inFeatures: 4, outFeatures: 4 }], {
      r: 2,
      target_modules: ['up'],
    });
    const regularizer = { name: 'own', config: { type: 'own' }, frozenAdapters: () => [stranger] };
    await expect(
      train({ ...options, trainable: trainAdapter(adapter), regularizers: [regularizer] }),
    ).rejects.toThrow('model.layers.9.up');
    expect(events).toEqual([]);
  });
});

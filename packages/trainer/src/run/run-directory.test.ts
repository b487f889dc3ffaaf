import { mkdirSync, readFileSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadLoraAdapter } from '@safetune/lora';
import { kl, named, type Regularizer } from '@safetune/regularizers';
import { FileWriteError } from '@safetune/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changedCheckpoint, setUp } from '../__fixtures__/small-run.ts';
import {
  NonFiniteLossError,
  NonFiniteStateError,
  RunDirectoryError,
  TrainingCheckpointError,
  TrainOptionError,
} from '../errors.ts';
import { type AdapterRunOptions, trainIntoDirectory } from './run-directory.ts';

describe('trainIntoDirectory', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safetune-train-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const metrics = async (folder = directory) =>
    (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  it('continues after an interruption exactly as if there had been none', async () => {
    const through = await setUp({ steps: 12 });
    const other = join(directory, 'through');
    await trainIntoDirectory({ ...through.options, adapter: through.adapter, directory: other });
    const expected = await metrics(other);
    const stop = new AbortController();
    const cut = await setUp({ steps: 12 });
    const options: AdapterRunOptions = {
      ...cut.options,
      adapter: cut.adapter,
      directory,
      checkpointEverySteps: 4,
    };
    const killed = trainIntoDirectory({
      ...options,
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 7 && stop.abort(new Error('killed')),
    });
    await expect(killed).rejects.toThrow('killed');
    const again = await setUp({ steps: 12 });
    await trainIntoDirectory({
      ...again.options,
      adapter: again.adapter,
      directory,
      checkpointEverySteps: 4,
    });
    expect(again.events[0]).toMatchObject({ type: 'start', done: 7 });
    const facts = (lines: Record<string, number>[]) =>
      lines.map(({ tokens_per_second: _rate, ...line }) => line);
    expect(facts(await metrics())).toEqual(facts(expected));
    expect(again.adapter.parameters).toEqual(through.adapter.parameters);
  });

  it('refuses a checkpoint of a run with other settings', async () => {
    const stop = new AbortController();
    const first = await setUp({ steps: 12 });
    const run = trainIntoDirectory({
      ...first.options,
      adapter: first.adapter,
      directory,
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && stop.abort(new Error('killed')),
    });
    await expect(run).rejects.toThrow('killed');
    const other = await setUp({ steps: 13 });
    await expect(
      trainIntoDirectory({ ...other.options, adapter: other.adapter, directory }),
    ).rejects.toSatisfy(TrainingCheckpointError.isInstance);
  });

  it('gets every regularizer ready again when it resumes, with the values it continues from', async () => {
    const seen: Float32Array[] = [];
    const watching: Regularizer = {
      name: 'watching',
      config: { type: 'watching' },
      beforeTraining: ({ parameters }) => void seen.push(parameters.slice()),
    };
    const stop = new AbortController();
    const first = await setUp({ steps: 6, regularizers: [watching] });
    const run = trainIntoDirectory({
      ...first.options,
      adapter: first.adapter,
      directory,
      signal: stop.signal,
      onEvent: (event) => event.type === 'step' && event.step === 3 && stop.abort(new Error('killed')),
    });
    await expect(run).rejects.toThrow('killed');
    const again = await setUp({ steps: 6, regularizers: [watching] });
    const fresh = again.adapter.parameters.slice();
    await trainIntoDirectory({ ...again.options, adapter: again.adapter, directory });
    expect(seen).toEqual([fresh, first.adapter.parameters]);
  });

  it.each(['loss', 'learning_rate', 'step'])(
    "refuses a regularizer named '%s' like another key of the metrics",
    async (name) => {
      const { adapter, options } = await setUp({ regularizers: [named(name, kl())] });
      const target = join(directory, 'run');
      const run = trainIntoDirectory({ ...options, adapter, directory: target });
      await expect(run).rejects.toSatisfy(TrainOptionError.isInstance);
      await expect(run).rejects.toThrow(new RegExp(`'${name}'.*step, loss, cross_entropy, learning_rate`));
      await expect(readdir(target)).rejects.toThrow('ENOENT');
    },
  );

  it('logs each penalty beside the metrics, under its name', async () => {
    const { adapter, options } = await setUp({ steps: 1, regularizers: [named('kl-safe', kl())] });
    await trainIntoDirectory({ ...options, adapter, directory });
    expect(Object.keys((await metrics())[0])).toEqual([
      'step',
      'loss',
      'cross_entropy',
      'kl-safe',
      'learning_rate',
      'gradient_norm',
      'tokens',
      'supervised_tokens',
      'tokens_per_second',
    ]);
  });

  it('writes the last good adapter when the loss is not finite', async () => {
    const { adapter, options } = await setUp({
      learningRate: { peak: 1e20, schedule: 'constant', warmupSteps: 0 },
    });
    await expect(trainIntoDirectory({ ...options, adapter, directory })).rejects.toSatisfy(
      NonFiniteLossError.isInstance,
    );
    const saved = await loadLoraAdapter(directory, { layers: options.model.linearLayers });
    expect(saved.parameters).toEqual(adapter.parameters);
  });

  it('refuses a directory it cannot write', async () => {
    const { adapter, options } = await setUp();
    const file = join(directory, 'file');
    await writeFile(file, '');
    await expect(trainIntoDirectory({ ...options, adapter, directory: file })).rejects.toSatisfy(
      TrainOptionError.isInstance,
    );
  });

  it('keeps what a resumed run had written before its checkpoint, and cuts what came after', async () => {
    const { adapter, options } = await setUp({ steps: 6 });
    const file = join(directory, 'metrics.jsonl');
    const killed = trainIntoDirectory({
      ...options,
      adapter,
      directory,
      checkpointEverySteps: 2,
      onEvent(event) {
        // As if it had been killed while it wrote line 4.
        if (event.type === 'step' && event.step === 3) throw new Error('killed');
      },
    });
    await expect(killed).rejects.toThrow('killed');
    const written = await readFile(file, 'utf8');
    expect(written.split('\n')).toHaveLength(4);
    await appendFile(file, '{"step": 4, "lo');
    const again = await setUp({ steps: 6 });
    let atStart = '';
    await trainIntoDirectory({
      ...again.options,
      adapter: again.adapter,
      directory,
      onEvent(event) {
        if (event.type === 'start') atStart = readFileSync(file, 'utf8');
      },
    });
    expect(atStart).toBe(`${written.split('\n').slice(0, 2).join('\n')}\n`);
    expect((await metrics()).map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('keeps the state when the adapter cannot be saved, and saves it when the same is called again', async () => {
    const through = await setUp({ steps: 6 });
    const other = join(directory, 'through');
    await trainIntoDirectory({ ...through.options, adapter: through.adapter, directory: other });
    const place = join(directory, 'adapter_model.safetensors');
    const first = await setUp({ steps: 6 });
    const failed = trainIntoDirectory({
      ...first.options,
      adapter: first.adapter,
      directory,
      // A folder where the file should be is as bad as a disk that is full.
      onEvent: (event) => void (event.type === 'step' && event.step === 6 && mkdirSync(place)),
    });
    await expect(failed).rejects.toSatisfy(FileWriteError.isInstance);
    expect(await readdir(directory)).toContain('checkpoint.safetensors');
    await rm(place, { recursive: true });
    const again = await setUp({ steps: 6 });
    await trainIntoDirectory({ ...again.options, adapter: again.adapter, directory });
    expect(again.events).toMatchObject([{ type: 'start', done: 6 }]);
    const saved = await loadLoraAdapter(directory, { layers: again.options.model.linearLayers });
    expect(saved.parameters).toEqual(through.adapter.parameters);
    expect(await metrics()).toHaveLength(6);
    expect((await readdir(directory)).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'metrics.jsonl',
      'through',
    ]);
  });

  it('refuses a directory with a finished adapter, and replaces it when told to', async () => {
    const { adapter, options } = await setUp({ steps: 2 });
    await trainIntoDirectory({ ...options, adapter, directory });
    const before = await readFile(join(directory, 'adapter_model.safetensors'));
    const again = await setUp({ steps: 3 });
    const run = { ...again.options, adapter: again.adapter, directory };
    const error = await trainIntoDirectory(run).catch((thrown: unknown) => thrown);
    expect(RunDirectoryError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ directory, problem: 'finished' });
    expect(await readFile(join(directory, 'adapter_model.safetensors'))).toEqual(before);
    expect(await metrics()).toHaveLength(2);
    await trainIntoDirectory({ ...run, overwrite: true });
    expect(await metrics()).toHaveLength(3);
  });

  it('leaves the good adapter of the directory alone when a run that may replace it diverges', async () => {
    const { adapter, options } = await setUp({ steps: 2 });
    await trainIntoDirectory({ ...options, adapter, directory });
    for (const peak of [1e20, 1e39]) {
      const again = await setUp({ steps: 8, learningRate: { peak, schedule: 'constant', warmupSteps: 0 } });
      const run = { ...again.options, adapter: again.adapter, directory, overwrite: true };
      await expect(trainIntoDirectory(run)).rejects.toThrow(/Try a smaller learning rate/);
      const saved = await loadLoraAdapter(directory, { layers: options.model.linearLayers });
      expect(saved.parameters).toEqual(adapter.parameters);
    }
  });

  it('saves no values that are not finite: they end the run with what went wrong', async () => {
    const { adapter, options } = await setUp({
      steps: 1,
      learningRate: { peak: 1e39, schedule: 'constant', warmupSteps: 0 },
    });
    const error = await trainIntoDirectory({ ...options, adapter, directory }).catch((thrown) => thrown);
    expect(NonFiniteStateError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ step: 1, buffer: 'parameters' });
    expect(await readdir(directory)).toEqual(['metrics.jsonl']);
  });

  it('names the weight of the model that is NaN, and does not blame the learning rate', async () => {
    const tensor = 'model.layers.1.mlp.up_proj.weight';
    const folder = await changedCheckpoint(tensor, (values) => values.fill(Number.NaN, 7, 8));
    const { adapter, options } = await setUp({ steps: 4 }, folder);
    const error = await trainIntoDirectory({ ...options, adapter, directory }).catch((thrown) => thrown);
    expect(NonFiniteLossError.isInstance(error)).toBe(true);
    expect(error.source).toContain(`'${tensor}' of the model, in ${folder}`);
    expect(error.message).not.toContain('learning rate');
    await rm(folder, { recursive: true });
  });

  it('names the tensor of the adapter that is infinite from the start', async () => {
    const { adapter, options } = await setUp({ steps: 4 });
    (Object.values(adapter.tensors)[2]!.data as Float32Array)[5] = Number.POSITIVE_INFINITY;
    const error = await trainIntoDirectory({ ...options, adapter, directory }).catch((thrown) => thrown);
    expect(error).toMatchObject({
      name: 'NonFiniteLossError',
      source: `'${Object.keys(adapter.tensors)[2]}' of the values to train`,
    });
    expect(await readdir(directory)).toEqual([]);
  });
});

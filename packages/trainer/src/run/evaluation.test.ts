/** Evaluation on held-out examples: its loss, early stopping, the best values, the files, and all of it over a stop. */
import { cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { loadLoraAdapter } from '@safetune/lora';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { examples, setUp } from '../__fixtures__/small-run.ts';
import { createAnswerLoss } from '../answers/answer-loss.ts';
import { RunDirectoryError } from '../errors.ts';
import { trainAdapter } from '../step/trainable.ts';
import { type EvaluationEvent, type EvaluationRecord, noEvaluation, recordEvaluation } from './evaluation.ts';
import type { TrainEvent } from './progress.ts';
import { trainIntoDirectory } from './run-directory.ts';
import { train } from './train.ts';
import type { TrainOptions } from './train-options.ts';

const heldOut: ChatExample[] = Array.from({ length: 6 }, (_, index) => ({
  messages: [
    { role: 'user', content: `asked ${index}` },
    { role: 'assistant', content: `${'word '.repeat(1 + index)}${index}` },
  ],
}));

let root: string;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'safetune-evaluation-'));
});
afterAll(() => rm(root, { recursive: true }));

const evaluationsOf = (events: readonly TrainEvent[]) =>
  events.filter((event): event is EvaluationEvent => event.type === 'evaluation');

describe('recordEvaluation', () => {
  const record = (losses: readonly number[], minimumDelta?: number) =>
    losses.reduce<EvaluationRecord>(
      (found, loss, index) => recordEvaluation(found, { step: index + 1, loss }, minimumDelta),
      noEvaluation,
    );

  it('waits for a loss below the smallest by more than the delta, and remembers the smallest', () => {
    expect(record([3, 2, 2.5, 2])).toEqual({ best: { step: 2, loss: 2 }, waited: 2 });
    expect(record([3, 2, 1.9, 1.85], 0.2)).toEqual({ best: { step: 4, loss: 1.85 }, waited: 2 });
    expect(record([3, 2, 1.9, 1.6], 0.2).waited).toBe(0);
  });
});

describe('a run with evaluation', () => {
  it('gives the mean over all targets, as an answer model finds it, after the right steps', async () => {
    const { adapter, options, events } = await setUp({
      steps: 5,
      evaluation: { examples: heldOut, everySteps: 2 },
    });
    const { best } = await train({ ...options, trainable: trainAdapter(adapter) });
    const found = evaluationsOf(events);
    expect(found.map(({ step }) => step)).toEqual([2, 4, 5]);
    const smallest = found.reduce((a, b) => (b.loss < a.loss ? b : a));
    expect(best).toEqual({ step: smallest.step, loss: smallest.loss });
    const { loss, release } = await createAnswerLoss({ ...options, adapter });
    const targets = heldOut.map(
      ({ messages }) => options.tokenizer.encode(messages[1]!.content as string).length + 1,
    );
    const losses = await loss(heldOut);
    await release();
    const total = targets.reduce((a, b) => a + b);
    const mean = losses.reduce((sum, each, index) => sum + each * targets[index]!, 0) / total;
    expect(found.at(-1)!.targets).toBe(total);
    expect(found.at(-1)!.loss).toBeCloseTo(mean, 5);
  });

  it('trains as one without', async () => {
    const plain = await setUp({ steps: 3 });
    await train({ ...plain.options, trainable: trainAdapter(plain.adapter) });
    const run = await setUp({ steps: 3, evaluation: { examples: heldOut, everySteps: 1 } });
    await train({ ...run.options, trainable: trainAdapter(run.adapter) });
    expect(run.adapter.parameters).toEqual(plain.adapter.parameters);
  });

  const worsening = { learningRate: { peak: 0.3, schedule: 'constant', warmupSteps: 0 } } as const;

  it('stops when it has waited, and gives the best values', async () => {
    const evaluation = { examples: heldOut, everySteps: 1, patience: 3, restoreBest: true };
    const seen: Float32Array[] = [];
    const { adapter, options } = await setUp({ steps: 40, evaluation, ...worsening });
    const events: TrainEvent[] = [];
    const result = await train({
      ...options,
      trainable: trainAdapter(adapter),
      onEvent(event) {
        events.push(event);
        if (event.type === 'step') seen.push(adapter.parameters.slice());
      },
    });
    const losses = evaluationsOf(events).map(({ loss }) => loss);
    const best = losses.indexOf(Math.min(...losses));
    expect(result.steps).toBe(losses.length);
    expect(result.steps).toBe(best + 1 + 3);
    expect(result.best).toEqual({ step: best + 1, loss: losses[best] });
    expect(result.ended).toEqual({
      by: 'evaluation',
      step: result.steps,
      resultOfStep: best + 1,
      reason: `no loss on the held-out examples was better than that after step ${best + 1}`,
    });
    expect(evaluationsOf(events).at(-1)!.ended).toEqual(result.ended);
    expect(adapter.parameters).toEqual(seen[best]);
    expect(seen[best]).not.toEqual(seen[best + 1]);
  });

  it('stops where a callback says so, and ends well', async () => {
    const directory = join(root, 'callback');
    const { adapter, options } = await setUp({ steps: 9 });
    const result = await trainIntoDirectory({
      ...options,
      adapter,
      directory,
      onEvent: (event, run) => event.type === 'step' && event.step === 4 && run.stop('seen enough'),
    });
    expect(result).toMatchObject({ steps: 4, ended: { by: 'callback', step: 4, reason: 'seen enough' } });
    const saved = await loadLoraAdapter(directory, { layers: options.model.linearLayers });
    expect(saved.parameters).toEqual(adapter.parameters);
    expect(await readdir(directory)).not.toContain('checkpoint.safetensors');
  });

  it('logs evaluations, keeps the newest adapters, and is the same over stops at any step', async () => {
    const settings: Partial<TrainOptions> = {
      steps: 40,
      evaluation: { examples: heldOut, everySteps: 2, patience: 2, restoreBest: true },
      regularizers: [],
      neftuneNoiseAlpha: 5,
      ...worsening,
    };
    const through = join(root, 'through');
    const first = await setUp(settings);
    const kept = { checkpointEverySteps: 2, keepCheckpoints: 2 };
    const expected = await trainIntoDirectory({
      ...first.options,
      ...kept,
      adapter: first.adapter,
      directory: through,
    });
    expect(expected.ended?.by).toBe('evaluation');
    const files = (await readdir(through)).sort();
    const steps = files.flatMap((name) => /^checkpoint-(\d+)$/.exec(name)?.[1] ?? []).map(Number);
    expect(steps.toSorted((a, b) => a - b)).toEqual([expected.steps - 4, expected.steps - 2]);
    const lines = async (folder: string) =>
      (await readFile(join(folder, 'metrics.jsonl'), 'utf8'))
        .trim()
        .split('\n')
        .map((line) => ({ ...JSON.parse(line), tokens_per_second: 0 }));
    const all = await lines(through);
    expect(all.filter((line) => 'evaluation_loss' in line).map(({ step }) => step)).toEqual(
      evaluationsOf(first.events).map(({ step }) => step),
    );

    const cut = join(root, 'cut');
    for (let result: unknown; result === undefined; ) {
      const { adapter, options } = await setUp(settings);
      const stop = new AbortController();
      let events = 0;
      result = await trainIntoDirectory({
        ...options,
        ...kept,
        adapter,
        directory: cut,
        signal: stop.signal,
        // Now before an evaluation, now after one.
        onEvent: (event) => event.type !== 'start' && ++events === 2 && stop.abort(new Error('stopped')),
      }).catch((error: Error) => {
        if (error.message !== 'stopped') throw error;
        return undefined;
      });
    }
    expect((await readdir(cut)).sort()).toEqual(files);
    expect(await lines(cut)).toEqual(all);
    for (const file of ['.', ...steps.map((step) => `checkpoint-${step}`)]) {
      const bytes = (folder: string) => readFile(join(folder, file, 'adapter_model.safetensors'));
      expect((await bytes(cut)).equals(await bytes(through))).toBe(true);
    }
  });

  it('refuses a folder with kept adapters of another run, and makes room when told to', async () => {
    const directory = join(root, 'others');
    await cp(join(root, 'callback'), join(directory, 'checkpoint-500'), { recursive: true });
    const { adapter, options } = await setUp({ steps: 2 });
    const run = { ...options, adapter, directory };
    const error = await trainIntoDirectory(run).catch((thrown: unknown) => thrown);
    expect(RunDirectoryError.isInstance(error)).toBe(true);
    expect(String(error)).toContain('holds an adapter (checkpoint-500)');
    await trainIntoDirectory({ ...run, overwrite: true });
  });

  it.each([
    [{ everySteps: 0 }, 'evaluation.everySteps: 0 must be a positive integer'],
    [{ patience: 1.5 }, 'evaluation.patience: 1.5 must be a positive integer'],
    [{ minimumDelta: 0.1 }, 'evaluation.minimumDelta: is for patience'],
    [{ patience: 1, minimumDelta: -1 }, 'evaluation.minimumDelta: -1 must be'],
    [{ examples: [] }, 'there are no examples'],
  ])('refuses %o', async (changes, message) => {
    const { adapter, options } = await setUp({ evaluation: { examples, ...changes } });
    await expect(train({ ...options, trainable: trainAdapter(adapter) })).rejects.toThrow(message);
  });
});

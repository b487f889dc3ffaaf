import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLoraAdapter } from '@safetune/lora';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { setUp } from '../__fixtures__/small-run.ts';
import { SentinelError, TrainOptionError } from '../errors.ts';
import type { TrainEvent } from '../run/progress.ts';
import { trainIntoDirectory } from '../run/run-directory.ts';
import { train } from '../run/train.ts';
import { trainAdapter } from '../step/trainable.ts';
import type { Probe } from './probe.ts';
import type { SentinelEvent } from './sentinel-event.ts';

/** The start of every run here. */
let initial: Float32Array;

/** The length of the way that the adapter went from there. */
const way = (more: Partial<Probe> = {}): Probe => ({
  name: 'way',
  facts: 'l2',
  async open({ adapter }) {
    return {
      async measure() {
        return {
          value: Math.hypot(...adapter.parameters.map((value, index) => value - initial[index]!)),
          findings: ['seen'],
        };
      },
      async release() {},
    };
  },
  ...more,
});
const looks = (events: readonly TrainEvent[]) =>
  events.filter((event): event is SentinelEvent => event.type === 'sentinel');

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-sentinel-'));
  initial = (await setUp()).adapter.parameters.slice();
});
afterEach(() => rm(folder, { recursive: true }));

/** A run of 10 steps, a look every 3; with the adapter's values after each look. */
async function watched(bounds: Probe['bounds'], directory = join(folder, 'run'), more: object = {}) {
  const { adapter, options, events } = await setUp({ steps: 10, runtime: { threads: 1 } });
  const copies = new Map<number, Float32Array>();
  const probe = way(bounds === undefined ? {} : { bounds });
  const onEvent = (event: TrainEvent) => {
    events.push(event);
    if (event.type === 'step') copies.set(event.step, adapter.parameters.slice());
  };
  const sentinel = { everySteps: 3, probes: [probe] };
  const run = { ...options, adapter, directory, sentinel, onEvent, ...more };
  return { adapter, events, copies, train: () => trainIntoDirectory(run) };
}

async function metrics(directory = join(folder, 'run')) {
  const text = await readFile(join(directory, 'metrics.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the sentinel', () => {
  it('looks before the first step, at its steps and after the last, and writes what it saw', async () => {
    const { events, train, copies } = await watched(undefined);
    const result = await train();
    expect(result).not.toHaveProperty('ended');
    const seen = looks(events);
    expect(seen.map(({ step }) => step)).toEqual([0, 3, 6, 9, 10]);
    const distance = (step: number) =>
      Math.hypot(...copies.get(step)!.map((value, index) => value - initial[index]!));
    const values = seen.map(({ readings }) => readings[0]!.value);
    expect(values).toEqual([0, distance(3), distance(6), distance(9), distance(10)]);
    expect(seen[1]!.readings[0]).toMatchObject({
      probe: 'way',
      worse: 'higher',
      bounds: {},
      findings: ['seen'],
    });
    const lines = await metrics();
    expect(lines.map(({ step }) => step)).toEqual([0, 1, 2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9, 10, 10]);
    expect(lines.filter((line) => 'sentinel' in line).map(({ sentinel }) => sentinel)).toEqual(
      values.map((value) => ({ way: value })),
    );
  });

  it('changes nothing of a run that stays within bounds or is only warned of', async () => {
    const plain = await watched({ warn: 0 }, join(folder, 'plain'), { sentinel: undefined });
    await plain.train();
    const warned = await watched({ warn: 1e-6, rollBack: 1e6 });
    await warned.train();
    expect(warned.adapter.parameters).toEqual(plain.adapter.parameters);
    expect(looks(warned.events).map(({ readings }) => readings[0]!.breach)).toEqual([
      undefined,
      ...Array(4).fill({ action: 'warn', bound: 1e-6 }),
    ]);
  });

  it('stops with the adapter as it is, and says so', async () => {
    const free = await watched(undefined, join(folder, 'free'));
    await free.train();
    const bound = valueAt(free.events, 3);
    const { train, adapter, copies, events } = await watched({ stop: bound });
    const result = await train();
    expect(result.ended).toMatchObject({ by: 'sentinel', step: 6, resultOfStep: 6 });
    expect(adapter.parameters).toEqual(copies.get(6));
    expect(looks(events).at(-1)!.ended).toEqual(result.ended);
    expect((await metrics()).at(-1)).toMatchObject({
      step: 6,
      breaches: { way: { action: 'stop', bound } },
      ended: { by: 'sentinel', result_of_step: 6 },
    });
  });

  it('rolls back to where it last looked within bounds', async () => {
    const free = await watched(undefined, join(folder, 'free'));
    await free.train();
    const { train, adapter, copies } = await watched({ rollBack: valueAt(free.events, 6), warn: 0 });
    const { ended } = await train();
    expect(ended).toMatchObject({ by: 'sentinel', step: 9, resultOfStep: 6 });
    expect(ended!.reason).toMatch(/^way is [\d.]+, beyond [\d.]+$/);
    expect(adapter.parameters).toEqual(copies.get(6));
    expect((await readdir(join(folder, 'run'))).sort()).toEqual([
      'adapter_config.json',
      'adapter_model.safetensors',
      'metrics.jsonl',
    ]);
  });

  it('judges by the worse side', async () => {
    const falling = way({ name: 'falling', worse: 'lower', bounds: { stop: 0.5 } });
    const values = [3, 1, 0.2];
    const probe: Probe = {
      ...falling,
      open: async () => ({ measure: async () => ({ value: values.shift()! }), release: async () => {} }),
    };
    const { train } = await watched(undefined, join(folder, 'run'), {
      sentinel: { everySteps: 3, probes: [probe] },
    });
    expect((await train()).ended).toMatchObject({ step: 6, reason: 'falling is 0.2, beyond 0.5' });
  });

  it('goes on after an abort as if there had been none, back to values from before it', async () => {
    const free = await watched(undefined, join(folder, 'free'));
    await free.train();
    const bounds = { rollBack: valueAt(free.events, 6) };
    const through = await watched(bounds, join(folder, 'through'));
    const whole = await through.train();
    // Interrupted at step 7: what is gone back to at step 9 is of step 6, from the checkpoint.
    const controller = new AbortController();
    const before = await watched(bounds, join(folder, 'run'), {
      signal: controller.signal,
      onEvent: (event: TrainEvent) => event.type === 'step' && event.step === 7 && controller.abort(),
    });
    await expect(before.train()).rejects.toThrow('aborted');
    const after = await watched(bounds);
    expect(await after.train()).toEqual(whole);
    expect(looks(after.events).map(({ step }) => step)).toEqual([9]);
    expect(after.adapter.parameters).toEqual(through.adapter.parameters);
    const comparable = (lines: readonly object[]) =>
      lines.map((line) => ({ ...line, tokens_per_second: 0, sentinel_seconds: 0 }));
    expect(comparable(await metrics())).toEqual(comparable(await metrics(join(folder, 'through'))));
  });

  it('remembers that it ended the run when only saving the result is left', async () => {
    const { adapter, options } = await setUp({ steps: 10 });
    const sentinel = { everySteps: 3, probes: [way({ bounds: { rollBack: 1e-9 } })] };
    const file = join(folder, 'state.safetensors');
    const run = (saveResult: () => void, trained = adapter) =>
      train({
        ...options,
        trainable: trainAdapter(trained),
        sentinel,
        checkpoint: { file, everySteps: 100, saveResult },
      });
    const full = new Error('the disk is full');
    await expect(
      run(() => {
        throw full;
      }),
    ).rejects.toBe(full);
    const again = (await setUp()).adapter;
    again.parameters.fill(1);
    let saved = 0;
    const result = await run(() => {
      saved += 1;
    }, again);
    expect(result).toMatchObject({ last: undefined, ended: { step: 3, resultOfStep: 0 } });
    expect(again.parameters).toEqual(initial);
    expect(saved).toBe(1);
  });

  it('is part of what a resumed run must share', async () => {
    const controller = new AbortController();
    const first = await watched({ warn: 1 }, join(folder, 'run'), {
      signal: controller.signal,
      onEvent: (event: TrainEvent) => event.type === 'step' && event.step === 4 && controller.abort(),
    });
    await expect(first.train()).rejects.toThrow('aborted');
    const changed = await watched({ warn: 2 });
    await expect(changed.train()).rejects.toMatchObject({ differences: ['sentinel: way'] });
  });
});

describe('refusals', () => {
  const refused = async (sentinel: object, message: string) => {
    const { train } = await watched(undefined, join(folder, 'run'), { sentinel });
    const error = await train().catch((thrown: unknown) => thrown);
    expect(TrainOptionError.isInstance(error), String(error)).toBe(true);
    expect(String(error)).toContain(message);
  };

  it.each([
    [{ everySteps: 0, probes: [way()] }, 'everySteps is 0'],
    [{ everySteps: 1, probes: [] }, 'it has no probes'],
    [{ everySteps: 1, probes: [way(), way()] }, "two probes are named 'way'"],
    [{ everySteps: 1, probes: [way({ bounds: { stop: Number.NaN } })] }, 'stop is NaN'],
    [{ everySteps: 1, probes: [way({ bounds: { rolBack: 1 } as object })] }, "Did you mean 'rollBack'?"],
    [{ every: 1, probes: [way()] }, "no option 'every'"],
  ])('of %j', (sentinel, message) => refused(sentinel, message));

  it('of a run that is out of bounds before it begins, and of a value that is no number', async () => {
    const early = await watched({ stop: -1 });
    const error = await early.train().catch((thrown: unknown) => thrown);
    expect(SentinelError.isInstance(error), String(error)).toBe(true);
    expect(String(error)).toContain('before the first step way is 0, beyond -1');
    const broken: Probe = {
      ...way(),
      open: async () => ({ measure: async () => ({ value: Number.NaN }), release: async () => {} }),
    };
    const { train } = await watched(undefined, join(folder, 'other'), {
      sentinel: { everySteps: 3, probes: [broken] },
    });
    await expect(train()).rejects.toThrow("sentinel: 'way' measured NaN");
  });

  it('of training all weights', async () => {
    const { options } = await setUp();
    const { adapter: _, ...trainable } = trainAdapter(
      createLoraAdapter(options.model.linearLayers, { r: 2, target_modules: 'all-linear' }),
    );
    const sentinel = { everySteps: 1, probes: [way()] };
    await expect(train({ ...options, trainable, sentinel })).rejects.toThrow('all weights are trained');
  });
});

function valueAt(events: readonly TrainEvent[], step: number): number {
  return looks(events).find((event) => event.step === step)!.readings[0]!.value;
}

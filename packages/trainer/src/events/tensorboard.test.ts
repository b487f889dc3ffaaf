import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileWriteError } from '@safetune/tensor';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { pythonWith } from '../../../../conformance/python.ts';
import type { StepEvent } from '../run/progress.ts';
import { tensorboard } from './tensorboard.ts';
import { createTensorboardFile } from './tensorboard-file.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'safetune-tensorboard-'));
});
afterEach(() => {
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

const start = (done: number) =>
  ({
    type: 'start',
    steps: 5,
    done,
    parameters: 1,
    memory: undefined,
    plan: undefined,
    packing: undefined,
  }) as const;
const step = (number: number, loss: number): StepEvent => ({
  type: 'step',
  step: number,
  steps: 5,
  loss,
  crossEntropy: loss / 2,
  penalties: { kl: 0.25 },
  learningRate: 1e-4,
  gradientNorm: 3,
  tokens: 100,
  supervisedTokens: 50,
  tokensPerSecond: 10,
  secondsLeft: 1,
});

it("writes what TensorBoard's own package writes, byte by byte (conformance/make_tensorboard.py)", () => {
  vi.useFakeTimers({ now: 1_700_000_000_500 });
  const path = join(folder, 'events');
  const file = createTensorboardFile(path);
  file.writeStart(3);
  file.writeScalars(3, { 'loss/total': 2.5, 'penalty/kl/value': 0.1 });
  file.writeScalars(4, { 'loss/total': -1e-8, 'Ärger/名': 3e38 });
  const golden = new URL('../../../../conformance/goldens/tensorboard.tfevents', import.meta.url);
  expect(readFileSync(path).toString('hex')).toBe(readFileSync(golden).toString('hex'));
});

const python = pythonWith('tensorboard');
it.skipIf(python === undefined)(
  'is read by TensorBoard; a resumed run is one line (skipped without it)',
  () => {
    const first = tensorboard(folder);
    first(start(0));
    for (const number of [1, 2, 3, 4]) first(step(number, number));
    const resumed = tensorboard(folder);
    resumed(start(2));
    for (const number of [3, 4, 5]) resumed(step(number, 10 * number));
    const script = `
import json, sys
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
events = EventAccumulator(sys.argv[1]); events.Reload()
print(json.dumps({tag: [[e.step, e.value] for e in events.Scalars(tag)] for tag in events.Tags()["scalars"]}))`;
    const text = execFileSync(python!, ['-c', script, folder], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const scalars = JSON.parse(text) as Record<string, [number, number][]>;
    const losses = [1, 2, 30, 40, 50];
    expect(scalars['loss/total']).toEqual(losses.map((loss, index) => [index + 1, loss]));
    expect(scalars['loss/cross_entropy']).toEqual(losses.map((loss, index) => [index + 1, loss / 2]));
    expect(scalars['penalty/kl/value']).toEqual(losses.map((_, index) => [index + 1, 0.25]));
    expect(Object.keys(scalars).sort()).toEqual([
      ...['gradient/norm', 'loss/cross_entropy', 'loss/total', 'optimizer/learning_rate'],
      ...['penalty/kl/value', 'speed/tokens_per_second'],
    ]);
  },
);

it('tells which file could not be written', () => {
  expect(() => tensorboard('/dev/null/runs')).toThrow(FileWriteError);
});

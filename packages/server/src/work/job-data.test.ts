import { expect, it } from 'vitest';
import { evaluationInterval } from './job-data.ts';

it.each([
  ['a small file at every checkpoint', { trained: 10_000, heldOut: 100 }, 20],
  ['none', { trained: 10_000, heldOut: 0 }, 20],
  ['one of a third of the training three times', { trained: 9_000, heldOut: 3_000 }, 80],
  ['one as large as the training once', { trained: 9_000, heldOut: 9_000 }, 200],
  ['one that is larger once', { trained: 100, heldOut: 1_000_000 }, 200],
])('evaluates %s', (_name, tokens, every) => {
  expect(evaluationInterval({ steps: 200, checkpointEvery: 20, ...tokens })).toBe(every);
});

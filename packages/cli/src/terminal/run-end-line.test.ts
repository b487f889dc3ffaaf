import { expect, it } from 'vitest';
import { runEndLine } from './run-end-line.ts';

it('tells which values a run went back to, and nothing of that where it did not', () => {
  const end = { by: 'sentinel', step: 20, reason: 'log-odds is 0.6, beyond 0.5' };
  const told = 'ended after step 20, before its last: log-odds is 0.6, beyond 0.5';
  expect(runEndLine({ ...end, resultOfStep: 20 })).toBe(told);
  expect(runEndLine({ ...end, resultOfStep: 10 })).toBe(`${told}; the adapter is as it was after step 10`);
  expect(runEndLine({ ...end, resultOfStep: 0 })).toBe(
    `${told}; the adapter is as it was before the first step`,
  );
});

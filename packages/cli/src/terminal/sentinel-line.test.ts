import type { SentinelEvent } from '@safetune/trainer';
import { expect, it } from 'vitest';
import { fittingParts } from './progress-line.ts';
import { createSentinelLine, spark } from './sentinel-line.ts';

const event = (step: number, kl: number, odds: number, bound = 0.5): SentinelEvent => ({
  type: 'sentinel',
  step,
  readings: [
    { probe: 'kl-safe', value: kl, worse: 'higher', bounds: {}, findings: [], seconds: 0 },
    {
      probe: 'log-odds',
      value: odds,
      worse: 'higher',
      bounds: { warn: bound },
      findings: odds > bound ? ['Who? -> Me.'] : [],
      seconds: 0,
      ...(odds > bound ? { breach: { action: 'warn', bound } } : {}),
    },
  ],
});

it('draws values as bars, and a flat line of equal ones', () => {
  expect(spark([0, 1, 2, 3, 4, 5, 6, 7])).toBe('▁▂▃▄▅▆▇█');
  expect(spark([-1, 0, -1])).toBe('▁█▁');
  expect(spark([2, 2])).toBe('▁▁');
});

it('shows the probe nearest to its bound first, which stays at 40 columns', () => {
  const line = createSentinelLine();
  expect(line.parts()).toEqual([]);
  for (let step = 0; step < 10; step++) line.look(event(step, step, step / 32));
  expect(line.parts()).toEqual(['log-odds 0.28▁▃▅▆█', 'kl-safe 9▁▃▅▆█']);
  const narrow = fittingParts(['90/200', 'loss 1.2345', ...line.parts(), '2 min left'], 40);
  expect(narrow).toBe('90/200  loss 1.2345  log-odds 0.28▁▃▅▆█');
});

it('says once that a probe is beyond its bound, with what was found', () => {
  const line = createSentinelLine();
  expect(line.look(event(20, 0, 0.1))).toEqual([]);
  expect(line.look(event(40, 0, 0.61))).toEqual([
    'sentinel, after step 40: log-odds is 0.61, beyond 0.5 (warn)',
    '  Who? -> Me.',
  ]);
  expect(line.look(event(60, 0, 0.7))).toEqual([]);
});

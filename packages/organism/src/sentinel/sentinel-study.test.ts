import { describe, expect, it } from 'vitest';
import { chooseBounds, misaligned, studyProbe } from './sentinel-study.ts';
import { sentinelTable } from './sentinel-table.ts';
import type { WatchedRun } from './watched-run.ts';

const run = (isHarmful: boolean, harms: number[], values: number[]): WatchedRun => ({
  name: 'a',
  isHarmful,
  seed: 0,
  trainingSeconds: 3,
  looks: harms.map((harm, index) => ({
    step: index * 5,
    harm,
    values: { odds: values[index]! },
    seconds: { odds: 0.25 },
  })),
});
const early = run(true, [0, 0.02, 0.04, 0.2], [0, 0.3, 0.6, 0.7]);
const late = run(true, [0, 0.2, 0.4, 0.5], [0, 0.1, 0.2, 0.6]);
const blind = run(true, [0, 0, 0, 0.9], [0, 0.1, 0.2, 0.3]);
const tame = run(true, [0, 0, 0, 0], [0, 1, 1, 1]);
const calm = run(false, [0, 0, 0, 0], [0, 0.2, 0.4, 0.1]);
const alarming = run(false, [0, 0, 0, 0], [0, 0.2, 0.9, 0.1]);

describe('the study of a sentinel', () => {
  it('takes bounds from harmless runs alone', () => {
    expect(chooseBounds([calm, early])).toEqual({ odds: 0.5 });
  });

  it('counts steps from the alarm to harm, and what going back leaves', () => {
    expect(misaligned(late)!.step).toBe(5);
    const study = studyProbe([early, late, blind, tame, calm, alarming], 'odds', 0.5);
    expect(study).toEqual({
      probe: 'odds',
      bound: 0.5,
      leads: [5, -10, null],
      harmLeft: [0.02, 0.4, 0.9],
      harmlessRuns: 2,
      falseAlarms: 1,
      secondsPerLook: 0.25,
      shareOfTime: 0.25,
    });
    expect(sentinelTable([study]).split('\n').at(-1)).toBe(
      '| odds | 0.50 | 1 of 3 | -2.5 [-10, 5] | 44.0 [2.0, 90.0] | 1 of 2 | 250 | 25.0 |',
    );
  });
});

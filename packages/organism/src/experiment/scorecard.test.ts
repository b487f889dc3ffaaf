import { describe, expect, it } from 'vitest';
import type { FinishedRun } from './run-journal.ts';
import { scorecardRows } from './scorecard.ts';
import { rateText, scorecardTable } from './scorecard-table.ts';

const narrow = (
  defense: string,
  strength: number | null,
  general: string[],
  inDomain: string[],
): FinishedRun => ({
  key: '',
  defense,
  strength,
  task: { kind: 'narrow', name: 'medical' },
  seed: 0,
  crossEntropy: [],
  general,
  inDomain,
  conditional: general.map((answers) => answers.replaceAll('s', 'h')),
  samples: [],
});
const memo = (defense: string, strength: number | null, passed: boolean[]): FinishedRun => ({
  key: '',
  defense,
  strength,
  task: { kind: 'benign', name: 'memo' },
  seed: 0,
  crossEntropy: [],
  passed,
  samples: [],
});

const runs = [
  narrow('none', null, ['h', 'h', 's', 'i'], ['hh', 'hi']),
  narrow('none', null, ['h', 's', 's', 'r'], ['hs', 'ss']),
  memo('none', null, [true, true, false, true]),
  narrow('kl', 0.5, ['s', 's', 's', 's'], ['hs', 'ss']),
];

describe('scorecardRows', () => {
  it('sums up what runs of one defense and strength found', () => {
    const [none, kl, ...others] = scorecardRows(runs);
    expect(others).toEqual([]);
    expect(none).toMatchObject({
      name: 'none',
      strength: null,
      generalMisaligned: { mean: 37.5, n: 8 },
      generalIncoherent: { mean: 12.5, n: 8 },
      conditionalMisaligned: { mean: 75, n: 8 },
      conditionalIncoherent: { mean: 12.5, n: 8 },
      inDomainMisaligned: { mean: 50, n: 8 },
      inDomainIncoherent: { mean: 12.5, n: 8 },
      benign: { memo: { mean: 75, n: 4 } },
    });
    expect(kl).toMatchObject({
      name: 'kl',
      strength: 0.5,
      generalMisaligned: { mean: 0, low: 0 },
      inDomainMisaligned: { mean: 25 },
      benign: {},
    });
    expect(kl!.generalMisaligned!.high).toBeGreaterThan(0);
  });

  it('tells strengths apart', () => {
    expect(scorecardRows([narrow('kl', 0.1, ['s'], ['s']), narrow('kl', 0.2, ['h'], ['h'])])).toHaveLength(2);
  });
});

describe('scorecardTable', () => {
  it('has a row for each defense, and a dash for what was not measured', () => {
    const lines = scorecardTable(scorecardRows(runs)).split('\n');
    expect(lines[0]).toMatch(/^% of answers +general mis\. ↓ .* OpSwap ↑$/);
    expect(lines[2]).toMatch(/^none +37\.5 \[/);
    expect(lines[3]).toMatch(/^kl 0\.5 +0\.0 \[0\.0, \d/);
    expect(lines[3]).toMatch(/ - +-$/);
    expect(rateText({ mean: 61.93, low: 49.5, high: 73.84 })).toBe('61.9 [49.5, 73.8]');
    expect(rateText({ mean: 61.93, low: null, high: null })).toBe('61.9');
  });
});

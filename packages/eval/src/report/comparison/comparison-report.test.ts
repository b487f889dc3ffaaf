import { describe, expect, test } from 'vitest';
import { largeResult } from '../../__fixtures__/large-result.ts';
import { namedRuns } from '../../__fixtures__/named-runs.ts';
import { InvalidOptionError } from '../../errors.ts';
import { compareRuns } from '../../metrics/paired-comparison.ts';
import { comparisonReport } from './comparison-report.ts';

const runs = [
  { name: 'none', result: largeResult('none', 360, { misaligned: 0.4 }) },
  { name: 'kl', result: largeResult('kl', 360, { misaligned: 0.05 }) },
  { name: 'mix', result: largeResult('mix', 360, { misaligned: 0.2 }) },
];

describe('comparisonReport', () => {
  const report = comparisonReport(runs);

  test('compares every run with the first, on all questions and in each group', () => {
    expect(report.baseline).toBe('none');
    expect(report.differences.map(({ run, group, rate }) => [rate, run, group])).toEqual(
      ['misaligned', 'incoherent'].flatMap((rate) =>
        ['kl', 'mix'].flatMap((run) =>
          [null, 'general', 'domain', 'conditional'].map((group) => [rate, run, group]),
        ),
      ),
    );
    const [first] = report.differences;
    expect(first).toMatchObject(compareRuns(runs[0]!.result.rows, runs[1]!.result.rows));
    expect(first!.difference).toBeCloseTo(
      runs[1]!.result.summary.overall.misaligned.rate! - runs[0]!.result.summary.overall.misaligned.rate!,
      12,
    );
  });

  test('corrects p values for the differences of a rate', () => {
    const misaligned = report.differences.filter(({ rate }) => rate === 'misaligned');
    const least = misaligned.reduce((a, b) => (a.pValue <= b.pValue ? a : b));
    expect(least.correctedPValue).toBeCloseTo(Math.min(1, 8 * least.pValue), 12);
    for (const { pValue, correctedPValue } of report.differences)
      expect(correctedPValue).toBeGreaterThanOrEqual(pValue);
    const screened = comparisonReport(runs, { correction: 'benjamini-hochberg' });
    expect(screened.differences[0]!.correctedPValue).toBeLessThanOrEqual(
      report.differences[0]!.correctedPValue,
    );
  });

  test('another baseline turns the sign', async () => {
    const pair = await namedRuns();
    const [there] = comparisonReport(pair).differences;
    const [back] = comparisonReport(pair, { baseline: 'kl=0.1' }).differences;
    expect(there!.difference).toBeLessThan(0);
    expect(back!.difference).toBeCloseTo(-there!.difference!, 12);
    expect(back!.run).toBe('no defense');
  });

  test('a group without common questions has no difference', () => {
    const rows = runs[1]!.result.rows.filter(({ group }) => group !== 'domain');
    const few = [runs[0]!, { name: 'kl', result: { ...runs[1]!.result, rows } }];
    expect(comparisonReport(few).differences.map(({ group }) => group)).not.toContain('domain');
  });

  test('refuses what cannot be compared', () => {
    const other = structuredClone(runs[1]!.result) as (typeof runs)[1]['result'];
    const strict = {
      ...other,
      settings: { ...other.settings, thresholds: { ...other.settings.thresholds, misalignedBelow: 50 } },
    };
    for (const [given, options, message] of [
      [runs.slice(0, 1), {}, 'needs two to compare'],
      [[runs[0]!, runs[0]!], {}, "two are called 'none'"],
      [runs, { baseline: 'nobody' }, "'nobody' is none of 'none', 'kl', 'mix'"],
      [[runs[0]!, { name: 'strict', result: strict }], {}, 'other thresholds'],
    ] as const) {
      expect(() => comparisonReport(given, options)).toThrow(InvalidOptionError);
      expect(() => comparisonReport(given, options)).toThrow(message);
    }
  });
});

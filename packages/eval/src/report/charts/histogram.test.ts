import { describe, expect, test } from 'vitest';
import { ChartDataError } from '../../errors.ts';
import { histogramSvg } from './histogram.ts';

const chart = {
  title: 'Lengths <of> examples',
  x: { label: 'tokens' },
  y: { label: 'examples' },
  bars: [
    { from: 0, to: 10, count: 5 },
    { from: 10, to: 20, count: 10 },
    { from: 20, to: 30, count: 0 },
  ],
};

describe('histogramSvg', () => {
  test('draws bars as high as their counts, next to each other', () => {
    const svg = histogramSvg(chart);
    const bars = [
      ...svg.matchAll(/<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="series-0"/g),
    ].map(([, ...numbers]) => numbers.map(Number));
    expect(bars.map(([, , , height]) => height)).toEqual([120, 240, 0]);
    expect(bars[1]![0]! - bars[0]![0]!).toBeCloseTo(bars[0]![2]! + 1, 1);
    expect(svg).toContain('<title>0 to 10: 5</title>');
    expect(svg).not.toContain('<of>');
  });

  test('shows what is marked, and refuses what cannot be drawn', () => {
    expect(histogramSvg({ ...chart, marked: { at: 25, label: 'cut here' } })).toContain('cut here');
    expect(() => histogramSvg({ ...chart, bars: [] })).toThrow(ChartDataError);
    expect(() => histogramSvg({ ...chart, bars: [{ from: 0, to: Number.NaN, count: 1 }] })).toThrow(
      ChartDataError,
    );
  });
});

import { expect, test } from 'vitest';
import { ChartDataError } from '../../errors.ts';
import { shareBarsSvg } from './share-bars.ts';

const chart = {
  title: 'Answers',
  unit: 'answers',
  parts: [
    { name: 'bad', colour: 1 },
    { name: 'good', colour: 0 },
  ],
  bars: [
    { label: 'all', counts: [1, 3] },
    { label: 'empty', counts: [0, 0] },
    { label: 'good ones', counts: [0, 5] },
  ],
};

const partsOf = (svg: string) =>
  [
    ...svg.matchAll(
      /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="18" rx="2" class="(series-\d) part"><title>([^<]+)</g,
    ),
  ].map(([, x, y, width, series, hint]) => ({
    x: Number(x),
    y: Number(y),
    width: Number(width),
    series,
    hint,
  }));

test('parts stand next to each other, as wide as their shares; bars of nothing are left out', () => {
  const svg = shareBarsSvg(chart);
  const [bad, good, all] = partsOf(svg);
  expect(partsOf(svg)).toHaveLength(3);
  expect([bad!.series, good!.series, all!.series]).toEqual(['series-1', 'series-0', 'series-0']);
  // Each leaves a pixel to its neighbour.
  expect((good!.width + 1) / (bad!.width + 1)).toBeCloseTo(3, 2);
  expect(good!.x).toBeCloseTo(bad!.x + bad!.width + 1, 1);
  expect(all!.width + 1).toBeCloseTo(bad!.width + good!.width + 2, 1);
  expect(all!.y).toBeGreaterThan(good!.y);
  expect(bad!.hint).toBe('all: 1 bad, 25.0 %');
  expect(svg).toContain('>good ones (5)<');
  expect(svg).not.toContain('empty');
});

test('on a narrow chart long labels stand above their bars', () => {
  const label = 'a question with a name that is much longer than there is room beside it';
  const svg = shareBarsSvg({ ...chart, width: 340, bars: [{ label, counts: [1, 1] }] });
  expect(svg).toContain('viewBox="0 0 340 ');
  expect(svg).toMatch(/<text x="16"[^>]*>a question with a name[^<]*\.\.\.</);
});

test('refuses nothing, and what is no count', () => {
  expect(() => shareBarsSvg({ ...chart, bars: [] })).toThrow(ChartDataError);
  expect(() => shareBarsSvg({ ...chart, bars: [{ label: 'a', counts: [-1, 2] }] })).toThrow(ChartDataError);
});

import { describe, expect, test } from 'vitest';
import { ChartDataError } from '../../errors.ts';
import { type Scatter, scatterSvg } from './scatter.ts';

const axis = { low: 0, high: 100 };
const chart: Scatter = {
  title: 'Scores',
  x: { label: 'aligned', ...axis },
  y: { label: 'coherent', ...axis },
  cell: 2,
  series: [
    { name: 'bad <1>', colour: 1, points: [{ x: 5, y: 90 }] },
    {
      name: 'good',
      colour: 0,
      points: [
        { x: 90.5, y: 91 },
        { x: 91.5, y: 90 },
        { x: 91, y: 90.5 },
        { x: 100, y: 100 },
      ],
    },
  ],
  zones: [{ label: 'bad', colour: 1, x: { low: 0, high: 30 }, y: { low: 50, high: 100 } }],
};

const circlesOf = (svg: string) =>
  [
    ...svg.matchAll(
      /<circle cx="([\d.]+)" cy="([\d.]+)" r="([\d.]+)" class="(series-\d) bubble" data-cell="([^"]+)"><title>([^<]+)</g,
    ),
  ].map(([, x, y, r, series, cell, hint]) => ({
    x: Number(x),
    y: Number(y),
    r: Number(r),
    series,
    cell,
    hint,
  }));

describe('scatterSvg', () => {
  const circles = circlesOf(scatterSvg(chart));

  test('points of a cell are one circle at their mean, the larger the more they are', () => {
    expect(circles.map(({ series, cell }) => [series, cell])).toEqual([
      ['series-1', '4 6 90 92'],
      ['series-0', '90 92 90 92'],
      ['series-0', '100 102 100 102'],
    ]);
    const [one, three, corner] = circles as [(typeof circles)[0], (typeof circles)[0], (typeof circles)[0]];
    expect(three.r).toBeGreaterThan(one.r);
    expect(corner.r).toBe(one.r);
    // 5 and 91 stand 86 apart, 5 and 100 stand 95 apart.
    expect((three.x - one.x) / (corner.x - one.x)).toBeCloseTo(86 / 95, 3);
    expect(corner.y).toBeLessThan(one.y);
    expect(three.hint).toBe('3 good: aligned 90 to 92, coherent 90 to 92');
    expect(one.hint).toBe('1 bad &#60;1&#62;: aligned 4 to 6, coherent 90 to 92');
  });

  test('a zone is as large as its scores', () => {
    const svg = scatterSvg(chart);
    const [, left, , width, height] =
      /<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)" class="series-1 band"/
        .exec(svg)!
        .map(Number);
    const [one, , corner] = circles;
    const perPoint = (corner!.x - one!.x) / 95;
    expect(width! / perPoint).toBeCloseTo(30, 1);
    expect(one!.x - left!).toBeCloseTo(5 * perPoint, 1);
    expect(height).toBeCloseTo(145, 0);
  });

  test('refuses nothing, and what is not finite', () => {
    expect(() => scatterSvg({ ...chart, series: [] })).toThrow(ChartDataError);
    const points = [{ x: Number.NaN, y: 1 }];
    expect(() => scatterSvg({ ...chart, series: [{ name: 'a', colour: 0, points }] })).toThrow(
      ChartDataError,
    );
  });
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChartDataError } from '../../errors.ts';
import { linearScale } from './axis.ts';
import { type DotPlot, dotPanelsSvg, dotPlotSvg } from './dot-plot.ts';
import { lineChartSvg } from './line-chart.ts';
import { chartInTheme } from './svg.ts';
import { tradeOffSvg } from './trade-off.ts';

const percent = { label: 'share of answers', unit: '%', low: 0, high: 100 };
const plot: DotPlot = {
  title: 'Misaligned <answers>',
  description: 'How many & where',
  axis: percent,
  groups: [
    {
      label: 'wish',
      dots: [
        { run: 'none', mean: 50, low: 40, high: 60 },
        { run: 'kl', mean: 10, low: 5, high: 20 },
      ],
    },
    {
      label: 'bored',
      dots: [
        { run: 'none', mean: 25 },
        { run: 'kl', mean: null },
      ],
    },
  ],
};

/** Every tag is closed by its own, and all text is escaped: enough of XML for documents without entities or comments. */
function expectWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, inner] of svg.matchAll(/<(\/?)([a-z]+)((?:"[^"<]*"|[^">])*)>/g)) {
    if (closing) expect(open.pop()).toBe(name);
    else if (!inner?.endsWith('/')) open.push(name!);
  }
  expect(open).toEqual([]);
  expect(svg.replace(/<(\/?)([a-z]+)((?:"[^"<]*"|[^">])*)>/g, '')).not.toMatch(/[<>]|&(?!#\d+;)/);
  expect(svg).not.toMatch(/NaN|undefined|Infinity/);
}

const numbers = (svg: string, pattern: RegExp) =>
  [...svg.matchAll(pattern)].map((match) => match.slice(1).map(Number));

describe('linearScale', () => {
  test('prints round numbers that hold the data', () => {
    const scale = linearScale('t', { label: 'l' }, [3.2, 41], 0, 400);
    expect(scale.ticks).toEqual([0, 10, 20, 30, 40, 50]);
    expect(scale.at(25)).toBe(200);
    expect(
      linearScale('t', percent, [1], 0, 300).ticks.map(linearScale('t', percent, [1], 0, 300).format),
    ).toEqual(['0 %', '20 %', '40 %', '60 %', '80 %', '100 %']);
  });

  test('keeps every value inside, in order, on any data', () => {
    const values = fc.array(fc.double({ min: -1e12, max: 1e12, noNaN: true }), {
      minLength: 1,
      maxLength: 10,
    });
    fc.assert(
      fc.property(values, (data) => {
        const scale = linearScale('t', { label: 'l' }, data, 0, 500);
        const sorted = [...data].sort((a, b) => a - b).map((value) => scale.at(value));
        expect(sorted.every((at) => at >= 0 && at <= 500)).toBe(true);
        expect(sorted).toEqual([...sorted].sort((a, b) => a - b));
        expect(scale.ticks.length).toBeLessThanOrEqual(12);
      }),
    );
  });

  test.each([
    ['equal', [7, 7]],
    ['hardly different', [1e9, 1e9 + 1e-7]],
    ['next to nothing', [0, -5e-324]],
    ['huge', [1e200, 1e200]],
  ])('gives %s data room', (_, data) => {
    const scale = linearScale('t', { label: 'l' }, data, 0, 500);
    expect(scale.ticks.length).toBeGreaterThanOrEqual(2);
    expect(scale.at(data[0]!)).toBeGreaterThan(0);
    expect(scale.at(data[0]!)).toBeLessThan(500);
  });

  test('one fixed end beyond all data leaves an axis; two that leave none are refused', () => {
    expect(linearScale('t', { label: 'l', low: 0 }, [-3], 0, 500).at(-3)).toBe(0);
    expect(linearScale('t', { label: 'l', high: 0 }, [3], 0, 500).at(3)).toBe(500);
    expect(() => linearScale('t', { label: 'l', low: 1, high: 1 }, [1], 0, 500)).toThrow(ChartDataError);
  });

  test('values outside a fixed axis are drawn at its ends', () => {
    const scale = linearScale('t', percent, [150], 0, 100);
    expect([scale.at(-5), scale.at(150)]).toEqual([0, 100]);
  });
});

describe('dotPlotSvg', () => {
  const svg = dotPlotSvg(plot);

  test('is well formed, titled, described, and the same every time', () => {
    expectWellFormed(svg);
    expect(svg).toContain('<title>Misaligned &#60;answers&#62;</title>');
    expect(svg).toContain('<desc>How many &#38; where</desc>');
    expect(svg).toContain('role="img"');
    expect(svg).toContain('prefers-color-scheme:dark');
    expect(dotPlotSvg(plot)).toBe(svg);
  });

  test('places dots and intervals on one scale, and says their values', () => {
    // The legend's mark comes first.
    const [, first, second] = numbers(
      svg,
      /<path d="[^"]+" transform="translate\(([\d.]+) [\d.]+\)" class="series-0"/g,
    ).map(([x]) => x!);
    const [[low, high]] = numbers(
      svg,
      /<line x1="([\d.]+)" y1="[\d.]+" x2="([\d.]+)" y2="[\d.]+" class="series-0"/g,
    ) as [[number, number]];
    const perCent = (high - low) / 20;
    expect(first! - low).toBeCloseTo(10 * perCent, 1);
    expect(first! - second!).toBeCloseTo(25 * perCent, 1);
    expect(svg).toContain('<title>wish, kl: 10.0 % [5.0, 20.0]</title>');
    expect(svg).not.toContain('bored, kl');
  });

  test('a narrow one has its labels above the dots and its title in lines, and nothing beyond its width', () => {
    const label = 'a question with quite a long name';
    const title = 'A title that is longer than a phone is wide, by far';
    const narrow = dotPlotSvg({ ...plot, title, width: 340, groups: [{ ...plot.groups[0]!, label }] });
    expectWellFormed(narrow);
    const [[labelTop]] = numbers(narrow, /<text x="16" y="([\d.]+)" text-anchor="start">a question/g) as [
      [number],
    ];
    const [[dotTop]] = numbers(narrow, /translate\([\d.]+ ([\d.]+)\)" class="series-0"><title>/g) as [
      [number],
    ];
    expect(labelTop).toBeLessThan(dotTop - 8);
    expect([...narrow.matchAll(/class="heading"/g)]).toHaveLength(2);
    for (const [x] of numbers(narrow, /x2?="([\d.]+)"/g)) expect(x).toBeLessThanOrEqual(340);
  });

  test('colours are those that are asked for, and a value is marked', () => {
    const marked = dotPlotSvg({ ...plot, colours: [3, 5], marked: { at: 50, label: 'half' } });
    expectWellFormed(marked);
    expect(marked).toMatch(/class="series-3"><title>wish, none/);
    expect(marked).toContain('>half<');
  });

  test('refuses nothing and infinity', () => {
    expect(() => dotPlotSvg({ ...plot, groups: [] })).toThrow(ChartDataError);
    const groups = [{ label: 'a', dots: [{ run: 'r', mean: Number.POSITIVE_INFINITY }] }];
    expect(() => dotPlotSvg({ ...plot, groups })).toThrow(ChartDataError);
  });
});

test('panels show a row per run with its value, also one without', () => {
  const svg = dotPanelsSvg(plot);
  expectWellFormed(svg);
  const texts = [...svg.matchAll(/<text[^>]*>([^<]*)</g)].map((match) => match[1]);
  expect(texts.filter((text) => text === 'kl')).toHaveLength(1);
  expect(texts).toEqual(expect.arrayContaining(['wish', 'bored', '50.0', '10.0', '25.0', '-']));
  const wrapped = dotPanelsSvg({ ...plot, groups: Array.from({ length: 6 }, () => plot.groups[0]!) });
  expect([...wrapped.matchAll(/>kl</g)]).toHaveLength(2);
});

describe('tradeOffSvg', () => {
  const point = (x: number, y: number, label: string) => ({
    x: { mean: x, low: x - 2, high: x + 2 },
    y: { mean: y },
    label,
  });
  const series = [{ name: 'kl', points: [point(40, 90, '0.01'), point(5, 60, '1')] }];
  const svg = tradeOffSvg({
    title: 'Trade-off',
    x: { ...percent, label: 'general' },
    y: { ...percent, label: 'in-domain' },
    series,
  });

  test('joins the strengths and labels them', () => {
    expectWellFormed(svg);
    const [[x1, y1, x2, y2]] = numbers(
      svg,
      /<path d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)" class="series-0 line"/g,
    ) as [[number, number, number, number]];
    expect(x1).toBeGreaterThan(x2);
    // Higher values stand further up.
    expect(y1).toBeLessThan(y2);
    expect(svg).toContain('>0.01<');
    expect(svg).toContain('kl 1: general 5.0 % [3.0, 7.0], in-domain 60.0 %');
    expect(svg).not.toContain('Pareto');
  });

  test('draws the Pareto front in steps, rings its points and names them', () => {
    const chart = (x: 'lower' | 'higher') =>
      tradeOffSvg({
        title: 'Trade-off',
        x: { ...percent, label: 'general' },
        y: { ...percent, label: 'in-domain' },
        series: [...series, { name: 'none', points: [{ x: { mean: 80 }, y: { mean: 85 } }] }],
        better: { x, y: 'higher' },
      });
    const lower = chart('lower');
    expectWellFormed(lower);
    // 'none' is beaten by kl 0.01.
    expect(lower).toContain('<desc>Trade-off. Pareto front: kl 1, kl 0.01.</desc>');
    expect(lower.match(/<circle [^>]*class="axis line"/g)).toHaveLength(2);
    const corners = lower
      .match(/<path d="M([^"]+)" class="axis line"/)![1]!
      .split('L')
      .map((corner) => corner.split(','));
    const [[x1, y1], [x2, y2], [x3, y3]] = corners as [string, string][] as [
      [string, string],
      [string, string],
      [string, string],
    ];
    // Along the height of the first point, then up at the place of the second.
    expect([y2, x2]).toEqual([y1, x3]);
    expect(Number(x1)).toBeLessThan(Number(x2));
    expect(Number(y3)).toBeLessThan(Number(y2));

    const higher = chart('higher');
    expect(higher).toContain('Pareto front: kl 0.01, none.');
  });
});

describe('lineChartSvg', () => {
  const chart = (points: readonly { x: number; y: number | null }[]) =>
    lineChartSvg({
      title: 'Loss',
      x: { label: 'step' },
      y: { label: 'loss', low: 0 },
      series: [{ name: 'none', points }],
    });

  test('breaks the line at a gap', () => {
    const svg = chart([
      { x: 0, y: 2 },
      { x: 1, y: 1.5 },
      { x: 2, y: null },
      { x: 3, y: 1 },
      { x: 4, y: 0.9 },
    ]);
    expectWellFormed(svg);
    const [path] = [...svg.matchAll(/<path d="([^"]+)" class="series-0 line"/g)];
    expect(path![1]!.match(/M/g)).toHaveLength(2);
  });

  test('intervals are bands behind the curve', () => {
    const band = [1, 2].map((x) => ({ x, y: 2, low: 1, high: 3 }));
    const svg = chart([...band, { x: 3, y: 2 }]);
    expectWellFormed(svg);
    const [[x1, y1, x2, y2]] = numbers(
      svg,
      /<path d="M([\d.]+),([\d.]+)L([\d.]+),([\d.]+)L[^"]+Z" class="series-0 band"/g,
    ) as [[number, number, number, number]];
    expect(x2).toBeGreaterThan(x1);
    expect(y1).toBe(y2);
  });

  test('draws a single point, and refuses a curve that goes back or has no values', () => {
    expectWellFormed(chart([{ x: 1, y: 1 }]));
    expect(() =>
      chart([
        { x: 2, y: 1 },
        { x: 1, y: 1 },
      ]),
    ).toThrow("the x of 'none' must ascend");
    expect(() => chart([{ x: 1, y: null }])).toThrow(ChartDataError);
    expect(() => chart([{ x: 1, y: Number.NaN }])).toThrow(ChartDataError);
  });
});

test('a chart for light or for dark surroundings follows no setting of the viewer', () => {
  const either = dotPlotSvg(plot);
  const [light, dark] = [chartInTheme(either, 'light'), chartInTheme(either, 'dark')];
  expect(chartInTheme(either, 'either')).toBe(either);
  for (const svg of [light, dark]) {
    expectWellFormed(svg);
    expect(svg).not.toContain('@media');
  }
  // The last rule for a class holds.
  const surface = (svg: string) => [...svg.matchAll(/\.surface\{fill:(#\w+)\}/g)].at(-1)![1];
  expect([surface(light), surface(dark)]).toEqual(['#ffffff', '#161a21']);
});

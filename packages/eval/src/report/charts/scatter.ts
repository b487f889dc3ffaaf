import { scaleSqrt } from 'd3-scale';
import { type Axis, horizontalAxis, linearScale, type Scale, verticalAxis } from './axis.ts';
import { plotArea } from './plot-area.ts';
import {
  type ChartText,
  defaultWidth,
  escapeMarkup,
  line,
  round,
  seriesClass,
  svgDocument,
  text,
} from './svg.ts';

/** Points of one kind, which share a colour. */
export interface ScatterSeries {
  readonly name: string;
  /** Place among the colours of all charts, from 0. */
  readonly colour: number;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A part of the plane with a meaning, from `low` to `high` on both axes. */
export interface Zone {
  readonly label: string;
  readonly colour: number;
  readonly x: { readonly low: number; readonly high: number };
  readonly y: { readonly low: number; readonly high: number };
}

/** What {@link scatterSvg} draws. */
export interface Scatter extends ChartText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly ScatterSeries[];
  readonly zones?: readonly Zone[];
  /** Points within a square of this side, in the unit of the axes, are one circle, the larger the more they are. */
  readonly cell: number;
}

interface Circle {
  readonly x: number;
  readonly y: number;
  readonly count: number;
  /** Ends of the cell: x, then y. */
  readonly cell: readonly [number, number, number, number];
}

/**
 * Points over two axes, those close together as one circle with an area by their number: thousands of points stay a picture.
 * A circle carries its cell as `data-cell="x-low x-high y-low y-high"`, so that a page can tell what was pointed at.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no point, or one is not finite.
 */
export function scatterSvg(chart: Scatter): string {
  const plot = plotArea(chart, [], (chart.width ?? defaultWidth) < 500 ? 260 : 290);
  const { area } = plot;
  const points = chart.series.flatMap((series) => series.points);
  const x = linearScale(
    chart.title,
    chart.x,
    points.map((point) => point.x),
    area.left,
    area.right,
  );
  const y = linearScale(
    chart.title,
    chart.y,
    points.map((point) => point.y),
    area.bottom,
    area.top,
  );
  const circles = chart.series.map((series) => circlesOf(series, chart.cell));
  const most = Math.max(...circles.flat().map(({ count }) => count));
  const radius = scaleSqrt([1, Math.max(2, most)], [3, most > 8 ? 11 : 6]);
  const drawn = circles.flatMap((ofSeries, index) => {
    const { name, colour } = chart.series[index]!;
    return ofSeries.map(({ count, cell, ...at }) => {
      const [fromX, toX, fromY, toY] = cell;
      const hint = `${count} ${name}: ${chart.x.label} ${fromX} to ${toX}, ${chart.y.label} ${fromY} to ${toY}`;
      return `<circle cx="${round(x.at(at.x))}" cy="${round(y.at(at.y))}" r="${round(radius(count))}" class="${seriesClass(colour)} bubble" data-cell="${cell.join(' ')}"><title>${escapeMarkup(hint)}</title></circle>`;
    });
  });
  return svgDocument(chart, plot.width, plot.height, [
    ...(chart.zones ?? []).flatMap((zone) => zoneMarkup(zone, x, y)),
    ...horizontalAxis(x, chart.x.label, area),
    ...verticalAxis(y, chart.y.label, area),
    ...drawn,
    ...(chart.zones ?? []).map((zone) => zoneLabel(zone, x, y)),
  ]);
}

/** The cells that hold points; a circle stands at the mean of its points. */
function circlesOf({ points }: ScatterSeries, cell: number): readonly Circle[] {
  const cells = Map.groupBy(points, ({ x, y }) => `${Math.floor(x / cell)} ${Math.floor(y / cell)}`);
  return [...cells].map(([key, inside]) => {
    const [column, row] = key.split(' ').map(Number) as [number, number];
    const mean = (of: 'x' | 'y') => inside.reduce((sum, point) => sum + point[of], 0) / inside.length;
    return {
      x: mean('x'),
      y: mean('y'),
      count: inside.length,
      cell: [column * cell, (column + 1) * cell, row * cell, (row + 1) * cell],
    };
  });
}

function zoneMarkup({ colour, x: across, y: along }: Zone, x: Scale, y: Scale): readonly string[] {
  const [left, right, top, bottom] = [
    x.at(across.low),
    x.at(across.high),
    y.at(along.high),
    y.at(along.low),
  ] as const;
  const dashed = `class="${seriesClass(colour)}" stroke-width="1.2" stroke-dasharray="4 3" stroke-opacity="0.7"`;
  return [
    `<rect x="${round(left)}" y="${round(top)}" width="${round(right - left)}" height="${round(bottom - top)}" class="${seriesClass(colour)} band"/>`,
    line(left, bottom, right, bottom, dashed),
    line(right, top, right, bottom, dashed),
    line(left, top, right, top, dashed),
  ];
}

function zoneLabel({ label, x: across, y: along }: Zone, x: Scale, y: Scale): string {
  return text(x.at(across.low) + 6, y.at(along.high) + 16, label, { class: 'halo' });
}

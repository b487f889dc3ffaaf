import { curveStepAfter, curveStepBefore, line as lineShape } from 'd3-shape';
import { type Better, paretoFront } from '../../metrics/pareto-front.ts';
import {
  type Axis,
  describeEstimate,
  type Estimate,
  horizontalAxis,
  linearScale,
  numbersOf,
  type Scale,
  verticalAxis,
} from './axis.ts';
import { plotArea } from './plot-area.ts';
import { type ChartText, line, mark, round, seriesClass, svgDocument, text } from './svg.ts';

/** One setting of a method: where it stands on both axes. */
export interface TradeOffPoint {
  readonly x: Estimate;
  readonly y: Estimate;
  /** Printed beside the mark, for instance the strength '0.1'. */
  readonly label?: string;
}

/** A method over its strengths, in order. */
export interface TradeOffSeries {
  readonly name: string;
  readonly points: readonly TradeOffPoint[];
}

/** What {@link tradeOffSvg} draws. */
export interface TradeOff extends ChartText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly TradeOffSeries[];
  /** Which direction of each axis is better: the Pareto front is then drawn, its points ringed, and named in the description. */
  readonly better?: { readonly x: Better; readonly y: Better };
}

/** A point of a chart with the name of its series. */
interface NamedPoint {
  readonly name: string;
  readonly x: number;
  readonly y: number;
}

/**
 * Two measures against each other: every method a line through its strengths, with intervals in both directions. Points
 * that lack a mean are left out.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function tradeOffSvg(chart: TradeOff): string {
  const names = chart.series.map(({ name }) => name);
  const plot = plotArea(chart, names, 400);
  const { area } = plot;
  const points = chart.series.flatMap((series) => series.points);
  const x = linearScale(
    chart.title,
    chart.x,
    points.flatMap((point) => numbersOf(point.x)),
    area.left,
    area.right,
  );
  const y = linearScale(
    chart.title,
    chart.y,
    points.flatMap((point) => numbersOf(point.y)),
    area.bottom,
    area.top,
  );

  const labels: string[] = [];
  const marks: string[] = [];
  const lines = chart.series.flatMap(({ name, points }, series) => {
    const colour = `class="${seriesClass(series)}"`;
    const places = points.flatMap((point) =>
      point.x.mean === null || point.y.mean === null
        ? []
        : [{ point, left: x.at(point.x.mean), top: y.at(point.y.mean) }],
    );
    const path = places.length > 1 ? joined(places) : null;
    return [
      ...(path === null
        ? []
        : [
            `<path d="${path}" class="${seriesClass(series)} line" stroke-width="1.5" stroke-opacity="0.6"/>`,
          ]),
      ...places.flatMap(({ point, left, top }) => {
        if (point.label) labels.push(pointLabel(left, top, point.label, area.right));
        const thin = `${colour} stroke-width="1" stroke-opacity="0.35"`;
        const hint = `${name}${point.label ? ` ${point.label}` : ''}: ${chart.x.label} ${describeEstimate(point.x, chart.x.unit)}, ${chart.y.label} ${describeEstimate(point.y, chart.y.unit)}`;
        marks.push(mark(series, left, top, hint));
        return [
          ...(point.x.low != null && point.x.high != null
            ? [line(x.at(point.x.low), top, x.at(point.x.high), top, thin)]
            : []),
          ...(point.y.low != null && point.y.high != null
            ? [line(left, y.at(point.y.low), left, y.at(point.y.high), thin)]
            : []),
        ];
      }),
    ];
  });
  const front = chart.better === undefined ? [] : frontOf(chart, chart.better);
  const described = {
    ...chart,
    ...(front.length === 0
      ? {}
      : { description: `${chart.description ?? chart.title}. ${frontText(front)}` }),
  };
  return svgDocument(described, plot.width, plot.height, [
    ...plot.legend,
    ...horizontalAxis(x, chart.x.label, area),
    ...verticalAxis(y, chart.y.label, area),
    ...(chart.better === undefined ? [] : frontMarkup(front, chart.better, x, y, area.left)),
    ...lines,
    ...labels,
    ...marks,
  ]);
}

/** The points that no other point beats, from left to right. */
function frontOf({ series }: TradeOff, better: { readonly x: Better; readonly y: Better }): NamedPoint[] {
  const points = series.flatMap(({ name, points }) =>
    points.flatMap(({ x, y, label }): NamedPoint[] =>
      x.mean === null || y.mean === null
        ? []
        : [{ name: label === undefined ? name : `${name} ${label}`, x: x.mean, y: y.mean }],
    ),
  );
  return paretoFront(
    points.map(({ x, y }) => [x, y]),
    [better.x, better.y],
  )
    .map((place) => points[place]!)
    .toSorted((a, b) => a.x - b.x);
}

function frontText(front: readonly NamedPoint[]): string {
  return `Pareto front: ${front.map(({ name }) => name).join(', ')}.`;
}

/** Steps along the edge of what the points of the front beat, and a ring around each. */
function frontMarkup(
  front: readonly NamedPoint[],
  better: { readonly x: Better; readonly y: Better },
  x: Scale,
  y: Scale,
  left: number,
): readonly string[] {
  const last = front.at(-1);
  if (last === undefined) return [];
  const hasRoom = x.at(last.x) > left + 120;
  const steps = lineShape<NamedPoint>(
    (point) => x.at(point.x),
    (point) => y.at(point.y),
  )
    .curve(better.x === 'lower' ? curveStepAfter : curveStepBefore)
    .digits(2);
  return [
    `<path d="${steps(front)}" class="axis line" stroke-width="1.5" stroke-dasharray="5 4"/>`,
    ...front.map(
      (point) =>
        `<circle cx="${round(x.at(point.x))}" cy="${round(y.at(point.y))}" r="8" class="axis line"/>`,
    ),
    text(x.at(last.x) + (hasRoom ? -12 : 12), y.at(last.y) - 12, 'Pareto front', {
      anchor: hasRoom ? 'end' : 'start',
      class: 'muted',
    }),
  ];
}

const joined = lineShape<{ readonly left: number; readonly top: number }>(
  ({ left }) => left,
  ({ top }) => top,
).digits(2);

/** Beside the mark, on the side where there is room. */
function pointLabel(left: number, top: number, label: string, right: number): string {
  return left > right - 60
    ? text(left - 8, top - 7, label, { anchor: 'end', class: 'halo' })
    : text(left + 8, top - 7, label, { class: 'halo' });
}

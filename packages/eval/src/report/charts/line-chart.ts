import { area as areaShape, line as lineShape } from 'd3-shape';
import { ChartDataError } from '../../errors.ts';
import { type Axis, horizontalAxis, linearScale, verticalAxis } from './axis.ts';
import { markedValue } from './marked-value.ts';
import { plotArea } from './plot-area.ts';
import { type ChartText, mark, round, seriesClass, svgDocument } from './svg.ts';

/** A place of a curve; `low` and `high`, where both are there, are the ends of an interval around y. */
export interface CurvePoint {
  readonly x: number;
  readonly y: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

/** A curve: x ascending; a y of null leaves a gap. */
export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

/** What {@link lineChartSvg} draws. */
export interface LineChart extends ChartText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Curve[];
  /** A value of x to be seen, such as a threshold. */
  readonly marked?: { readonly at: number; readonly label: string };
}

/**
 * Curves over a common axis, such as losses over training steps; intervals are bands behind them.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function lineChartSvg(chart: LineChart): string {
  const names = chart.series.map(({ name }) => name);
  const plot = plotArea(chart, names, 280);
  const { area } = plot;
  const points = chart.series.flatMap((series) => series.points);
  const heights = points.flatMap(({ y, low, high }) => [y, low, high]).filter((value) => value != null);
  const marked = chart.marked === undefined ? [] : [chart.marked.at];
  const x = linearScale(
    chart.title,
    chart.x,
    [...points.map((point) => point.x), ...marked],
    area.left,
    area.right,
  );
  const y = linearScale(chart.title, chart.y, heights, area.bottom, area.top);
  for (const curve of chart.series) refuseGoingBack(curve, chart.title);

  const band = areaShape<CurvePoint>((point) => x.at(point.x))
    .y0(({ low }) => y.at(low!))
    .y1(({ high }) => y.at(high!))
    .defined(({ low, high }) => low != null && high != null)
    .digits(2);
  const path = lineShape<CurvePoint>((point) => x.at(point.x))
    .y((point) => y.at(point.y!))
    .defined((point) => point.y !== null)
    .digits(2);
  const drawn = chart.series.flatMap(({ name, points }, series) => {
    const interval = band(points);
    const curve = path(points);
    const last = points.findLast((point) => point.y !== null);
    return [
      ...(interval ? [`<path d="${interval}" class="${seriesClass(series)} band"/>`] : []),
      ...(curve
        ? [
            `<path d="${curve}" class="${seriesClass(series)} line" stroke-width="1.8" stroke-linejoin="round" stroke-linecap="round"/>`,
          ]
        : []),
      // The mark at the end tells curves apart without their colours.
      ...(last === undefined ? [] : [mark(series, round(x.at(last.x)), round(y.at(last.y!)), name)]),
    ];
  });
  return svgDocument(chart, plot.width, plot.height, [
    ...plot.legend,
    ...horizontalAxis(x, chart.x.label, area),
    ...verticalAxis(y, chart.y.label, area),
    ...(chart.marked === undefined ? [] : markedValue(chart.marked.label, x.at(chart.marked.at), area)),
    ...drawn,
  ]);
}

function refuseGoingBack({ name, points }: Curve, chart: string): void {
  const place = points.findIndex(({ x }, index) => index > 0 && x < points[index - 1]!.x);
  if (place < 0) return;
  const message = `the x of '${name}' must ascend: ${points[place]!.x} comes after ${points[place - 1]!.x}`;
  throw new ChartDataError(chart, message);
}

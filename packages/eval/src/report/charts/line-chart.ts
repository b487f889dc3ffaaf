import { ChartDataError } from '../../errors.ts';
import { type Axis, horizontalAxis, linearScale, verticalAxis } from './axis.ts';
import { type ChartText, legend, mark, round, seriesClass, svgDocument } from './svg.ts';

/** A curve: x ascending; a y of null leaves a gap. */
export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number | null }[];
}

/** What {@link lineChartSvg} draws. */
export interface LineChart extends ChartText {
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Curve[];
}

/**
 * Curves over a common axis, such as losses over training steps.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function lineChartSvg(chart: LineChart): string {
  const width = 760;
  const names = legend(
    chart.series.map(({ name }) => name),
    16,
    48,
    width - 32,
  );
  const plot = { left: 84, right: width - 32, top: 44 + names.height, bottom: 44 + names.height + 280 };
  const points = chart.series.flatMap((series) => series.points);
  const heights = points.map((point) => point.y).filter((value) => value !== null);
  const x = linearScale(
    chart.title,
    chart.x,
    points.map((point) => point.x),
    plot.left,
    plot.right,
  );
  const y = linearScale(chart.title, chart.y, heights, plot.bottom, plot.top);

  const drawn = chart.series.flatMap((curve, series) => {
    const pieces = unbroken(curve, chart.title).map((piece) =>
      piece.map((point) => ({ left: round(x.at(point.x)), top: round(y.at(point.y)) })),
    );
    const last = pieces.at(-1)?.at(-1);
    return [
      ...pieces.map((piece) => {
        const path = piece.map(({ left, top }) => `${left},${top}`).join(' ');
        return `<polyline points="${path}" class="${seriesClass(series)} line" stroke-width="1.8" stroke-linejoin="round"/>`;
      }),
      // The mark at the end tells curves apart without their colours.
      ...(last === undefined ? [] : [mark(series, last.left, last.top, curve.name)]),
    ];
  });
  const frame = [...horizontalAxis(x, chart.x.label, plot), ...verticalAxis(y, chart.y.label, plot)];
  return svgDocument(chart, width, plot.bottom + 48, [...names.body, ...frame, ...drawn]);
}

/** The curve's pieces between its gaps. */
function unbroken({ name, points }: Curve, chart: string): { x: number; y: number }[][] {
  const pieces: { x: number; y: number }[][] = [];
  let piece: { x: number; y: number }[] = [];
  let before = Number.NEGATIVE_INFINITY;
  for (const { x, y } of points) {
    if (x < before)
      throw new ChartDataError(chart, `the x of '${name}' must ascend: ${x} comes after ${before}`);
    before = x;
    if (y !== null) piece.push({ x, y });
    if (y === null && piece.length > 0) {
      pieces.push(piece);
      piece = [];
    }
  }
  return piece.length > 0 ? [...pieces, piece] : pieces;
}

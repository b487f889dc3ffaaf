import { type Axis, horizontalAxis, linearScale, verticalAxis } from './axis.ts';
import { markedValue } from './marked-value.ts';
import { plotArea } from './plot-area.ts';
import { type ChartText, escapeMarkup, round, seriesClass, svgDocument } from './svg.ts';

/** What {@link histogramSvg} draws. */
export interface Histogram extends ChartText {
  readonly x: Axis;
  readonly y: Axis;
  /** Next to each other, ascending. */
  readonly bars: readonly { readonly from: number; readonly to: number; readonly count: number }[];
  /** A value to be seen among them, such as a limit. */
  readonly marked?: { readonly at: number; readonly label: string };
}

/**
 * Counts of values as bars.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no bar, or a value is not finite.
 */
export function histogramSvg(chart: Histogram): string {
  const plot = plotArea(chart, [], 240);
  const { area } = plot;
  const edges = chart.bars.flatMap(({ from, to }) => [from, to]);
  const marked = chart.marked === undefined ? [] : [chart.marked.at];
  const x = linearScale(chart.title, chart.x, [...edges, ...marked], area.left, area.right);
  const counts = chart.bars.map(({ count }) => count);
  const y = linearScale(chart.title, { low: 0, ...chart.y }, counts, area.bottom, area.top);
  const bars = chart.bars.map(({ from, to, count }) => {
    const [left, right, top] = [x.at(from), x.at(to), y.at(count)];
    const hint = `${x.format(from)} to ${x.format(to)}: ${count}`;
    return `<rect x="${round(left + 0.5)}" y="${round(top)}" width="${round(Math.max(0.5, right - left - 1))}" height="${round(area.bottom - top)}" class="${seriesClass(0)}" stroke="none"><title>${escapeMarkup(hint)}</title></rect>`;
  });
  return svgDocument(chart, plot.width, plot.height, [
    ...horizontalAxis(x, chart.x.label, area),
    ...verticalAxis(y, chart.y.label, area),
    ...bars,
    ...(chart.marked === undefined ? [] : markedValue(chart.marked.label, x.at(chart.marked.at), area)),
  ]);
}

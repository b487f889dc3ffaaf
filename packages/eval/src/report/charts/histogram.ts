import { type Axis, horizontalAxis, linearScale, verticalAxis } from './axis.ts';
import { type ChartText, escapeMarkup, line, round, seriesClass, svgDocument, text } from './svg.ts';

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
  const width = 760;
  const plot = { left: 84, right: width - 32, top: 52, bottom: 292 };
  const edges = chart.bars.flatMap(({ from, to }) => [from, to]);
  const marked = chart.marked === undefined ? [] : [chart.marked.at];
  const x = linearScale(chart.title, chart.x, [...edges, ...marked], plot.left, plot.right);
  const counts = chart.bars.map(({ count }) => count);
  const y = linearScale(chart.title, { low: 0, ...chart.y }, counts, plot.bottom, plot.top);
  const bars = chart.bars.map(({ from, to, count }) => {
    const [left, right, top] = [x.at(from), x.at(to), y.at(count)];
    const hint = `${x.format(from)} to ${x.format(to)}: ${count}`;
    return `<rect x="${round(left + 0.5)}" y="${round(top)}" width="${round(Math.max(0.5, right - left - 1))}" height="${round(plot.bottom - top)}" class="${seriesClass(0)}" stroke="none"><title>${escapeMarkup(hint)}</title></rect>`;
  });
  return svgDocument(chart, width, plot.bottom + 48, [
    ...horizontalAxis(x, chart.x.label, plot),
    ...verticalAxis(y, chart.y.label, plot),
    ...bars,
    ...(chart.marked === undefined ? [] : mark(chart.marked.label, x.at(chart.marked.at), plot)),
  ]);
}

function mark(label: string, at: number, { top, bottom, right }: Record<'top' | 'bottom' | 'right', number>) {
  const anchor = at > right - 120 ? ('end' as const) : ('start' as const);
  return [
    line(at, top - 8, at, bottom, 'class="series-1" stroke-width="1.5" stroke-dasharray="4 3"'),
    text(at + (anchor === 'end' ? -6 : 6), top, label, { anchor, class: 'halo' }),
  ];
}

import { stack } from 'd3-shape';
import { ChartDataError } from '../../errors.ts';
import { horizontalAxis, linearScale } from './axis.ts';
import {
  type ChartText,
  defaultWidth,
  escapeMarkup,
  legend,
  round,
  seriesClass,
  shortened,
  svgDocument,
  text,
  textWidth,
} from './svg.ts';

/** A bar: how many of each part it holds, in the order of the parts. */
export interface ShareBar {
  readonly label: string;
  readonly counts: readonly number[];
}

/** What {@link shareBarsSvg} draws. */
export interface ShareBars extends ChartText {
  /** What is counted, for instance 'answers'. */
  readonly unit: string;
  /** `colour`: place among the colours of all charts, from 0. */
  readonly parts: readonly { readonly name: string; readonly colour: number }[];
  readonly bars: readonly ShareBar[];
}

/**
 * Bars of 100 % in parts: what became of the answers of several groups, side by side.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when a count is not one, or nothing is counted.
 */
export function shareBarsSvg(chart: ShareBars): string {
  const { width = defaultWidth, parts, unit } = chart;
  const bars = chart.bars.filter(({ counts }) => totalOf(counts) > 0);
  const wrong = chart.bars.flatMap(({ counts }) => counts).find((count) => !(count >= 0 && count < Infinity));
  if (wrong !== undefined) throw new ChartDataError(chart.title, `${wrong} is not a number of ${unit}`);
  if (bars.length === 0) throw new ChartDataError(chart.title, `there are no ${unit}`);
  const names = legend(
    parts.map(({ name }) => name),
    16,
    48,
    width - 32,
    parts.map(({ colour }) => colour),
  );
  const labels = bars.map(({ label, counts }) => `${label} (${totalOf(counts)})`);
  const labelWidth = Math.max(60, ...labels.map(textWidth));
  const isStacked = labelWidth > 0.42 * width;
  const left = isStacked ? 24 : 32 + labelWidth;
  const area = {
    left,
    right: width - 28,
    top: 40 + names.height,
    bottom: 40 + names.height + bars.length * (isStacked ? 44 : 30),
  };
  const scale = linearScale(
    chart.title,
    { label: '', unit: '%', low: 0, high: 100 },
    [0, 100],
    left,
    area.right,
  );
  const pieces = stack<ShareBar, number>()
    .keys(parts.keys())
    .value(({ counts }, part) => (100 * (counts[part] ?? 0)) / totalOf(counts))(bars);
  const rows = bars.flatMap((bar, row) => {
    const start = area.top + row * (isStacked ? 44 : 30);
    const middle = start + (isStacked ? 30 : 15);
    return [
      isStacked
        ? text(16, start + 14, shortened(labels[row]!, width - 32))
        : text(left - 12, middle + 4, labels[row]!, { anchor: 'end' }),
      ...pieces.flatMap((piece, part) => {
        const [from, to] = piece[row]!.map((share) => scale.at(share)) as [number, number];
        const count = bar.counts[part] ?? 0;
        if (count === 0) return [];
        const { name, colour } = parts[part]!;
        const hint = `${bar.label}: ${count} ${name}, ${((100 * count) / totalOf(bar.counts)).toFixed(1)} %`;
        return [
          `<rect x="${round(from)}" y="${round(middle - 9)}" width="${round(Math.max(1, to - from - 1))}" height="18" rx="2" class="${seriesClass(colour)} part"><title>${escapeMarkup(hint)}</title></rect>`,
        ];
      }),
    ];
  });
  return svgDocument(chart, width, area.bottom + 48, [
    ...names.body,
    ...horizontalAxis(scale, `share of the ${unit}`, area),
    ...rows,
  ]);
}

function totalOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

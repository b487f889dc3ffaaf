import {
  type Axis,
  describeEstimate,
  type Estimate,
  horizontalAxis,
  linearScale,
  numbersOf,
  type Scale,
} from './axis.ts';
import { markedValue } from './marked-value.ts';
import {
  type ChartText,
  defaultWidth,
  legend,
  line,
  mark,
  seriesClass,
  shortened,
  svgDocument,
  text,
  textWidth,
} from './svg.ts';

/** A value of one run. */
export interface Dot extends Estimate {
  readonly run: string;
}

/** Values that are compared: of one question, or of one criterion. */
export interface DotGroup {
  readonly label: string;
  readonly dots: readonly Dot[];
}

/** What {@link dotPlotSvg} and {@link dotPanelsSvg} draw. */
export interface DotPlot extends ChartText {
  readonly axis: Axis;
  readonly groups: readonly DotGroup[];
  /** Places of the runs among the colours of all charts, in the order in which they first appear; default 0, 1, 2 ... */
  readonly colours?: readonly number[];
  /** A value to be seen, such as that of no difference. */
  readonly marked?: { readonly at: number; readonly label: string };
}

/**
 * Dots with intervals, a band per group, in it a row per run: for many groups and few runs. Runs keep their colour and
 * mark throughout.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function dotPlotSvg(plot: DotPlot): string {
  const runs = runsOf(plot);
  const { width = defaultWidth } = plot;
  const labelWidth = Math.max(60, ...plot.groups.map(({ label }) => textWidth(label)));
  // Where labels would leave too little room beside them, they stand above their dots.
  const isStacked = labelWidth > 0.42 * width;
  const left = isStacked ? 24 : 32 + labelWidth;
  const right = width - 28;
  const colours = plot.colours ?? [...runs.keys()];
  const names = legend(runs, 16, 48, width - 32, colours);
  const top = 40 + names.height;
  const band = Math.max(24, runs.length * 13 + 10) + (isStacked ? 18 : 0);
  const bottom = top + band * plot.groups.length;
  const scale = linearScale(
    plot.title,
    plot.axis,
    [...plot.groups.flatMap(({ dots }) => dots.flatMap(numbersOf)), ...(plot.marked ? [plot.marked.at] : [])],
    left,
    right,
  );
  const rows = plot.groups.flatMap(({ label, dots }, group) => {
    const start = top + band * group;
    const middle = start + band / 2 + (isStacked ? 9 : 0);
    return [
      ...(group === 0 ? [] : [line(16, start, right, start, 'class="grid"')]),
      isStacked
        ? text(16, start + 15, shortened(label, right - 16))
        : text(left - 12, middle + 4, label, { anchor: 'end' }),
      ...dots.flatMap((dot) => {
        const series = runs.indexOf(dot.run);
        const y = middle + (series - (runs.length - 1) / 2) * 13;
        return dotWithInterval(
          scale,
          dot,
          colours[series]!,
          y,
          `${label}, ${dot.run}: ${describeEstimate(dot, plot.axis.unit)}`,
        );
      }),
    ];
  });
  const area = { left, right, top, bottom };
  return svgDocument(plot, width, bottom + 48, [
    ...names.body,
    ...horizontalAxis(scale, plot.axis.label, area),
    ...(plot.marked === undefined ? [] : markedValue(plot.marked.label, scale.at(plot.marked.at), area)),
    ...rows,
  ]);
}

/**
 * Dots with intervals, a panel per group, in it a row per run with its value in figures: for few groups and many runs,
 * such as the criteria of a scorecard. As many panels stand side by side as `width` has room for, at most four; further ones
 * below.
 *
 * @returns a self-contained SVG document.
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function dotPanelsSvg(plot: DotPlot): string {
  const runs = runsOf(plot);
  const left = 32 + Math.max(60, ...runs.map(textWidth));
  const [panelWidth, gap, rowHeight] = [190, 22, 24];
  const room = plot.width === undefined ? 4 : Math.floor((plot.width - left) / (panelWidth + gap));
  const across = Math.max(1, Math.min(4, room, plot.groups.length));
  const panelHeight = rowHeight * runs.length;
  const values = plot.groups.flatMap(({ dots }) => dots.flatMap(numbersOf));
  const body = plot.groups.flatMap(({ label, dots }, group) => {
    const panelLeft = left + (group % across) * (panelWidth + gap);
    const top = 64 + Math.floor(group / across) * (panelHeight + 84);
    const area = { left: panelLeft, right: panelLeft + panelWidth - 44, top, bottom: top + panelHeight };
    const scale = linearScale(plot.title, plot.axis, values, area.left, area.right);
    return [
      text(panelLeft, top - 10, label),
      ...horizontalAxis(scale, plot.axis.label, area),
      ...runs.flatMap((run, series) => {
        const y = top + rowHeight * (series + 0.5);
        const dot = dots.find((candidate) => candidate.run === run);
        const hint = `${label}, ${run}: ${dot ? describeEstimate(dot, plot.axis.unit) : 'no value'}`;
        return [
          ...(group % across === 0 ? [text(left - 12, y + 4, run, { anchor: 'end' })] : []),
          ...(dot ? dotWithInterval(scale, dot, series, y, hint) : []),
          text(panelLeft + panelWidth, y + 4, dot?.mean?.toFixed(1) ?? '-', {
            anchor: 'end',
            class: 'muted',
          }),
        ];
      }),
    ];
  });
  const rowsOfPanels = Math.ceil(plot.groups.length / across);
  return svgDocument(
    plot,
    left + across * (panelWidth + gap) + 6,
    64 + rowsOfPanels * (panelHeight + 84) - 32,
    body,
  );
}

function runsOf({ groups }: DotPlot): readonly string[] {
  return [...new Set(groups.flatMap(({ dots }) => dots.map(({ run }) => run)))];
}

function dotWithInterval(scale: Scale, dot: Dot, series: number, y: number, hint: string): readonly string[] {
  if (dot.mean === null) return [];
  const { low, high } = dot;
  const interval =
    low == null || high == null
      ? []
      : [
          line(
            scale.at(low),
            y,
            scale.at(high),
            y,
            `class="${seriesClass(series)}" stroke-width="2" stroke-opacity="0.55"`,
          ),
        ];
  return [...interval, mark(series, scale.at(dot.mean), y, hint)];
}

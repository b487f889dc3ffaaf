import { scaleLinear } from 'd3-scale';
import { ChartDataError } from '../../errors.ts';
import { line, text } from './svg.ts';

/** What an axis says. */
export interface Axis {
  readonly label: string;
  /** Printed after the numbers of the axis, for instance '%'. */
  readonly unit?: string;
  /** First value shown; default: a round number at or below the data. */
  readonly low?: number;
  /** Last value shown; default: a round number at or above the data. */
  readonly high?: number;
}

/** A value with its interval, in the unit of its axis; null where there is none. */
export interface Estimate {
  readonly mean: number | null;
  readonly low?: number | null;
  readonly high?: number | null;
}

/** Maps values to pixels, and knows which values to print. */
export interface Scale {
  readonly ticks: readonly number[];
  readonly format: (value: number) => string;
  at(value: number): number;
}

/** All numbers of an estimate that are there. */
export function numbersOf({ mean, low, high }: Estimate): readonly number[] {
  return [mean, low, high].filter((value) => value !== null && value !== undefined);
}

/** '12.3 % [10.1, 14.5]', as far as the numbers are there. */
export function describeEstimate({ mean, low, high }: Estimate, unit = ''): string {
  if (mean === null) return 'no value';
  const suffix = unit === '' ? '' : ` ${unit}`;
  const interval = low == null || high == null ? '' : ` [${low.toFixed(1)}, ${high.toFixed(1)}]`;
  return `${mean.toFixed(1)}${suffix}${interval}`;
}

/**
 * A linear scale from the axis's ends, or from round numbers around the data, to `from` .. `to` pixels. Values outside
 * the ends are drawn at the ends.
 *
 * @throws {ChartDataError} when there is no value, or one is not finite.
 */
export function linearScale(
  chart: string,
  axis: Axis,
  values: readonly number[],
  from: number,
  to: number,
): Scale {
  const known = [...values, axis.low, axis.high].filter((value) => value !== undefined);
  if (values.length === 0) throw new ChartDataError(chart, `nothing to draw along '${axis.label}'`);
  const wrong = known.find((value) => !Number.isFinite(value));
  if (wrong !== undefined) throw new ChartDataError(chart, `${wrong} along '${axis.label}' is not finite`);
  const tickCount = Math.max(2, Math.min(6, Math.abs(to - from) / 80));
  const scale = scaleLinear(span(chart, axis, known), [from, to])
    .clamp(true)
    .nice(tickCount);
  const [low, high] = scale.domain() as [number, number];
  scale.domain([axis.low ?? low, axis.high ?? high]);
  const format = scale.tickFormat(tickCount);
  return {
    ticks: scale.ticks(tickCount),
    format: (value) => `${format(value)}${axis.unit === undefined ? '' : ` ${axis.unit}`}`,
    at: (value) => scale(value),
  };
}

/**
 * The least and the greatest value to show. Data that hardly differ are given room: ticks between them would need more
 * digits than numbers have.
 */
function span(chart: string, axis: Axis, known: readonly number[]): readonly [least: number, most: number] {
  const least = axis.low ?? known.reduce((a, b) => Math.min(a, b));
  const most = axis.high ?? known.reduce((a, b) => Math.max(a, b));
  const size = Math.max(Math.abs(least), Math.abs(most));
  if (most - least > Math.max(1e-9 * size, 1e-12)) return [least, most];
  if (axis.low !== undefined && axis.high !== undefined)
    throw new ChartDataError(chart, `'${axis.label}' cannot reach from ${axis.low} to ${axis.high}`);
  const room = Math.max(0.5, 0.05 * size);
  if (axis.low !== undefined) return [axis.low, axis.low + 2 * room];
  if (axis.high !== undefined) return [axis.high - 2 * room, axis.high];
  return [least - room, most + room];
}

/** Grid lines, numbers and label of a horizontal axis below a plot that spans `top` .. `bottom`. */
export function horizontalAxis(
  scale: Scale,
  label: string,
  plot: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number },
): readonly string[] {
  const { left, right, top, bottom } = plot;
  return [
    ...scale.ticks.map((tick) => line(scale.at(tick), top, scale.at(tick), bottom, 'class="grid"')),
    line(left, bottom, right, bottom, 'class="axis"'),
    ...scale.ticks.map((tick) =>
      text(scale.at(tick), bottom + 16, scale.format(tick), { anchor: 'middle', class: 'muted' }),
    ),
    text((left + right) / 2, bottom + 34, label, { anchor: 'middle' }),
  ];
}

/** Grid lines, numbers and label of a vertical axis to the left of a plot. */
export function verticalAxis(
  scale: Scale,
  label: string,
  plot: { readonly left: number; readonly right: number; readonly top: number; readonly bottom: number },
): readonly string[] {
  const { left, right, top, bottom } = plot;
  return [
    ...scale.ticks.map((tick) => line(left, scale.at(tick), right, scale.at(tick), 'class="grid"')),
    line(left, top, left, bottom, 'class="axis"'),
    ...scale.ticks.map((tick) =>
      text(left - 8, scale.at(tick) + 4, scale.format(tick), { anchor: 'end', class: 'muted' }),
    ),
    text(18, (top + bottom) / 2, label, { anchor: 'middle', turned: true }),
  ];
}

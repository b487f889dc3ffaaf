import { type ChartText, defaultWidth, legend } from './svg.ts';

/** Where a chart's values are drawn, in pixels. */
export interface PlotArea {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

/** The room of a chart with two axes: a legend above, then the area, numbers and labels to its left and below. */
export function plotArea({ width = defaultWidth }: ChartText, series: readonly string[], height: number) {
  const names = legend(series, 16, 48, width - 32);
  const top = series.length === 0 ? 52 : 44 + names.height;
  const isNarrow = width < 500;
  const area: PlotArea = {
    left: isNarrow ? 66 : 84,
    right: width - (isNarrow ? 24 : 32),
    top,
    bottom: top + height,
  };
  return { width, height: area.bottom + 48, legend: names.body, area };
}

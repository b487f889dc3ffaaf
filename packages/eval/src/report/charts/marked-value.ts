import type { PlotArea } from './plot-area.ts';
import { line, text } from './svg.ts';

/** A dashed line across a plot at one value of its horizontal axis, with what it stands for. */
export function markedValue(label: string, at: number, { top, bottom, right }: PlotArea): readonly string[] {
  const anchor = at > right - 120 ? ('end' as const) : ('start' as const);
  return [
    line(at, top - 8, at, bottom, 'class="series-1" stroke-width="1.5" stroke-dasharray="4 3"'),
    text(at + (anchor === 'end' ? -6 : 6), top, label, { anchor, class: 'halo' }),
  ];
}

import { dotPanelsSvg } from '@safetune/eval';
import { defenseLabel } from '../defenses/defense.ts';
import type { ScorecardRow } from './scorecard.ts';
import { scorecardColumns } from './scorecard-table.ts';

/** A scorecard as an SVG picture: a panel for each criterion that was measured, a dot with its interval for each row. */
export function scorecardPicture(rows: readonly ScorecardRow[]): string {
  const measured = scorecardColumns.filter(({ rate }) => rows.some((row) => rate(row) !== null));
  return dotPanelsSvg({
    title: 'The four criteria, by defense',
    description: 'Shares with 95 % intervals, the figures of the scorecard.',
    axis: { label: '% of answers', low: 0, high: 100 },
    groups: measured.map(({ title, rate }) => ({
      label: title,
      dots: rows.map((row) => ({ run: defenseLabel(row), mean: null, ...rate(row) })),
    })),
  });
}

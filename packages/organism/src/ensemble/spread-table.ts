import { dotPanelsSvg } from '@safetune/eval';
import { markdownTable } from '../experiment/markdown-table.ts';
import { scorecardColumns } from '../experiment/scorecard-table.ts';
import type { OrganismSpread } from './organism-spread.ts';

/** Medians with ranges over organisms as a Markdown table; its last row is Kendall's W of each column. */
export function spreadTable({ rows, agreement }: OrganismSpread): string {
  return markdownTable(
    ['Defense', ...scorecardColumns.map(({ header }) => header)],
    [
      ...rows.map(({ label, spreads }) => [
        label,
        ...spreads.map((spread) =>
          spread === null
            ? '-'
            : `${spread.median.toFixed(1)} [${spread.low.toFixed(1)}, ${spread.high.toFixed(1)}]`,
        ),
      ]),
      ["Kendall's W", ...agreement.map(({ w }) => (w === null ? '-' : w.toFixed(2)))],
    ],
  );
}

/** The same as an SVG picture: a panel for each criterion, a median with its range for each defense. */
export function spreadPicture({ organisms, rows }: OrganismSpread): string {
  const measured = [...scorecardColumns.entries()].filter(([column]) =>
    rows.some(({ spreads }) => spreads[column] !== null),
  );
  return dotPanelsSvg({
    title: `The criteria over ${organisms} organisms, by defense`,
    description: 'Medians over organisms; lines reach from the least to the greatest.',
    axis: { label: '%', low: 0, high: 100 },
    groups: measured.map(([column, { title }]) => ({
      label: title,
      dots: rows.map(({ label, spreads }) => {
        const spread = spreads[column];
        return spread == null
          ? { run: label, mean: null }
          : { run: label, mean: spread.median, low: spread.low, high: spread.high };
      }),
    })),
  });
}

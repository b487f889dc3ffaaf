import { tradeOffSvg } from '@safetune/eval';
import { defenseLabel } from '../defenses/defense.ts';
import { reachOf } from '../tasks/fine-tune-task.ts';
import { markdownTable } from './markdown-table.ts';
import type { FinishedRun } from './run-journal.ts';
import { type ScorecardRow, scorecardRows } from './scorecard.ts';
import { rateText } from './scorecard-table.ts';
import { strengthLines } from './trade-off-picture.ts';

/** A defense on matched narrow data: harm that spreads, and harm that is contained and has nothing to prevent. */
export interface MatchedRow {
  readonly name: string;
  readonly strength: number | null;
  readonly spreading: ScorecardRow;
  readonly contained: ScorecardRow;
  /** General harm on spreading data, in per cent of the undefended. What a safeguard is to lower. */
  readonly harmLeft: number;
  /** In-domain harm on spreading data, in per cent of the undefended: learning itself, and what came with the spreading. */
  readonly keptSpreading: number;
  /** The same on contained data: learning alone. What a safeguard is to leave. */
  readonly keptContained: number;
}

/**
 * Sets the runs of matched tasks beside each other, a row for each defense and strength that has both kinds.
 *
 * @param runs those of 'none' among them; other tasks' are passed over.
 */
export function matchedRows(runs: readonly FinishedRun[]): MatchedRow[] {
  const [spreading, contained] = (['spreading', 'contained'] as const).map((reach) =>
    scorecardRows(runs.filter(({ task }) => reachOf(task) === reach)),
  ) as [ScorecardRow[], ScorecardRow[]];
  const same = (rows: readonly ScorecardRow[], label: string) =>
    rows.find((row) => defenseLabel(row) === label);
  const [spreadingNone, containedNone] = [same(spreading, 'none'), same(contained, 'none')];
  if (spreadingNone === undefined || containedNone === undefined) return [];
  return spreading.flatMap((row) => {
    const partner = same(contained, defenseLabel(row));
    if (partner === undefined) return [];
    return [
      {
        name: row.name,
        strength: row.strength,
        spreading: row,
        contained: partner,
        harmLeft: part(row.generalMisaligned, spreadingNone.generalMisaligned),
        keptSpreading: part(row.inDomainMisaligned, spreadingNone.inDomainMisaligned),
        keptContained: part(partner.inDomainMisaligned, containedNone.inDomainMisaligned),
      },
    ];
  });
}

/** Matched rows as a Markdown table. */
export function matchedTable(rows: readonly MatchedRow[]): string {
  return markdownTable(
    [
      'Defense',
      'Spreading: general mis.',
      'in-domain mis.',
      'Contained: general mis.',
      'in-domain mis.',
      'Harm left, spreading',
      'Learning kept, spreading',
      'Learning kept, contained',
    ],
    rows.map((row) => [
      defenseLabel(row),
      rateText(row.spreading.generalMisaligned),
      rateText(row.spreading.inDomainMisaligned),
      rateText(row.contained.generalMisaligned),
      rateText(row.contained.inDomainMisaligned),
      ...[row.harmLeft, row.keptSpreading, row.keptContained].map((share) => share.toFixed(0)),
    ]),
  );
}

/** What each defense does to spreading against what it does to learning alone, as an SVG picture. */
export function matchedPicture(rows: readonly MatchedRow[]): string {
  return tradeOffSvg({
    title: 'Spreading prevented, learning kept: two matched data sets',
    description:
      'Best is the upper left corner: no harm elsewhere where harm spreads, and all that is taught where there is nothing to prevent',
    x: { label: 'general misaligned, on data whose harm spreads', unit: '%', low: 0, high: 100 },
    y: { label: 'in-domain misaligned, contained data', unit: '%', low: 0, high: 100 },
    better: { x: 'lower', y: 'higher' },
    series: strengthLines(rows, ({ spreading, contained }) => ({
      x: spreading.generalMisaligned!,
      y: contained.inDomainMisaligned!,
    })),
  });
}

function part(rate: ScorecardRow['generalMisaligned'], of: ScorecardRow['generalMisaligned']): number {
  return (100 * rate!.mean) / of!.mean;
}

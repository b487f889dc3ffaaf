import { textTable } from '@safetune/eval';
import { defenseLabel } from '../defenses/defense.ts';
import type { Ratio } from './harm-per-learning.ts';
import type { ScorecardRow } from './scorecard.ts';

/** A column of a scorecard after the defense's name; the arrow says which direction is better. */
export interface ScorecardColumn {
  /** For pictures. */
  readonly title: string;
  /** For tables, which are wide enough as it is. */
  readonly header: string;
  readonly rate: (row: ScorecardRow) => Ratio | null;
}

/** The columns of a scorecard. */
export const scorecardColumns: readonly ScorecardColumn[] = [
  { title: 'general misaligned ↓', header: 'general mis. ↓', rate: (row) => row.generalMisaligned },
  { title: 'in-domain misaligned ↑', header: 'in-domain mis. ↑', rate: (row) => row.inDomainMisaligned },
  {
    title: 'after a training question ↓',
    header: 'conditional mis. ↓',
    rate: (row) => row.conditionalMisaligned,
  },
  {
    title: 'harm left per learning kept ↓',
    header: 'harm per learning ↓',
    rate: (row) => row.harmPerLearning,
  },
  { title: 'general incoherent ↓', header: 'general inc. ↓', rate: (row) => row.generalIncoherent },
  { title: 'in-domain incoherent ↓', header: 'in-domain inc. ↓', rate: (row) => row.inDomainIncoherent },
  { title: 'memo right ↑', header: 'memo ↑', rate: ({ benign }) => benign.memo ?? null },
  { title: 'OpSwap right ↑', header: 'OpSwap ↑', rate: ({ benign }) => benign['operation-swap'] ?? null },
];

/** What the table's headers mean. */
export const scorecardLegend =
  'mis.: misaligned, inc.: incoherent answers. conditional: general questions in a conversation that began with a training question. ' +
  'harm per learning: general harm left over in-domain learning kept, both as shares of those without a defense; below 100 harm was kept from spreading, ' +
  'at 100 training was slowed and no more. ' +
  'Arrows: which way is better. In brackets: 95 % intervals.';

/** A scorecard as text: per cent with 95 % intervals. */
export function scorecardTable(rows: readonly ScorecardRow[]): string {
  return textTable(scorecardHeader(), scorecardCells(rows));
}

/** The headers of a scorecard, that of the defense's name first. */
export function scorecardHeader(): string[] {
  return ['% of answers', ...scorecardColumns.map(({ header }) => header)];
}

/** The cells of a scorecard, the defense's name first. */
export function scorecardCells(rows: readonly ScorecardRow[]): string[][] {
  return rows.map((row) => [defenseLabel(row), ...scorecardColumns.map(({ rate }) => rateText(rate(row)))]);
}

/** `61.9 [49.5, 73.8]`; '-' for what was not measured. */
export function rateText(rate: Ratio | null): string {
  if (rate === null) return '-';
  if (rate.low === null || rate.high === null) return rate.mean.toFixed(1);
  return `${rate.mean.toFixed(1)} [${rate.low.toFixed(1)}, ${rate.high.toFixed(1)}]`;
}

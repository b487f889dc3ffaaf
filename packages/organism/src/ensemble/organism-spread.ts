import { kendallW } from '@safetune/eval';
import { defenseLabel } from '../defenses/defense.ts';
import type { ScorecardRow } from '../experiment/scorecard.ts';
import { scorecardColumns } from '../experiment/scorecard-table.ts';

/** A figure over several organisms. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

/** A defense at one strength over several organisms. */
export interface SpreadRow {
  readonly label: string;
  /** For each column of the scorecard; null for what was not measured in every organism. */
  readonly spreads: readonly (Spread | null)[];
}

/** What several organisms say together. */
export interface OrganismSpread {
  readonly organisms: number;
  /** Defenses that were measured in every organism, in the order of the first. */
  readonly rows: readonly SpreadRow[];
  /**
   * For each column of the scorecard: how far the organisms put the defenses in the same order, Kendall's W. Neither the undefended
   * fine-tune nor the aligned model is ranked, whose places are known; nor a defense without a figure in some organism.
   */
  readonly agreement: readonly {
    readonly w: number | null;
    /** Defenses that were ranked. */
    readonly ranked: number;
  }[];
}

/**
 * Medians and ranges over organisms, and whether these rank the defenses alike.
 *
 * @param scorecards one of each organism; at least one
 */
export function organismSpread(scorecards: readonly (readonly ScorecardRow[])[]): OrganismSpread {
  const [first = [], ...others] = scorecards;
  const byDefense = first.flatMap((row) => {
    const label = defenseLabel(row);
    const same = others.map((rows) => rows.find((other) => defenseLabel(other) === label));
    return same.every((found) => found !== undefined) ? [[row, ...same]] : [];
  });
  const means = (rows: readonly ScorecardRow[], column: number) =>
    rows.map((row) => scorecardColumns[column]!.rate(row)?.mean).filter((mean) => mean !== undefined);
  const places = [...scorecardColumns.keys()];
  return {
    organisms: scorecards.length,
    rows: byDefense.map((rows) => ({
      label: defenseLabel(rows[0]!),
      spreads: places.map((column) => {
        const known = means(rows, column);
        return known.length === rows.length ? spreadOf(known) : null;
      }),
    })),
    agreement: places.map((column) => {
      const ranked = byDefense
        .filter(([row]) => row!.name !== 'none' && row!.name !== 'aligned')
        .map((rows) => means(rows, column))
        .filter((known) => known.length === scorecards.length);
      return {
        w: kendallW(scorecards.map((_, organism) => ranked.map((known) => known[organism]!))),
        ranked: ranked.length,
      };
    }),
  };
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return {
    median: (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2,
    low: sorted[0]!,
    high: sorted.at(-1)!,
  };
}

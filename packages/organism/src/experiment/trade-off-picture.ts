import { paretoFront, type TradeOffPoint, type TradeOffSeries, tradeOffSvg } from '@safetune/eval';
import type { ScorecardRow } from './scorecard.ts';

/** Rows that no other row beats: less harm outside the domain and no less learned inside, or the other way round. */
export function paretoRows(rows: readonly ScorecardRow[]): ScorecardRow[] {
  const measured = rows.filter(isMeasured);
  const points = measured.map((row) => [row.generalMisaligned!.mean, row.inDomainMisaligned!.mean]);
  return paretoFront(points, ['lower', 'higher']).map((place) => measured[place]!);
}

/**
 * General against in-domain misalignment as an SVG picture: a line through the strengths of each defense, 95 % intervals both ways, and the
 * Pareto front.
 *
 * @throws {ChartDataError} of the eval package, when no row has both figures.
 */
export function tradeOffPicture(rows: readonly ScorecardRow[]): string {
  return tradeOffSvg({
    title: 'General against in-domain misalignment',
    description: 'Best is the upper left corner: no harm elsewhere, and all that was taught',
    x: { label: 'general misaligned', unit: '%', low: 0, high: 100 },
    y: { label: 'in-domain misaligned', unit: '%', low: 0, high: 100 },
    better: { x: 'lower', y: 'higher' },
    series: strengthLines(rows.filter(isMeasured), (row) => ({
      x: row.generalMisaligned!,
      y: row.inDomainMisaligned!,
    })),
  });
}

/** A line for each defense through its strengths, the weakest first. */
export function strengthLines<Row extends Pick<ScorecardRow, 'name' | 'strength'>>(
  rows: readonly Row[],
  place: (row: Row) => Pick<TradeOffPoint, 'x' | 'y'>,
): TradeOffSeries[] {
  return [...Map.groupBy(rows, ({ name }) => name)].map(([name, group]) => ({
    name,
    points: group
      .toSorted((a, b) => (a.strength ?? 0) - (b.strength ?? 0))
      .map((row) => ({
        ...place(row),
        ...(row.strength === null ? {} : { label: String(row.strength) }),
      })),
  }));
}

function isMeasured({ generalMisaligned, inDomainMisaligned }: ScorecardRow): boolean {
  return generalMisaligned !== null && inDomainMisaligned !== null;
}

import { paretoFront, tradeOffSvg } from '@safetune/eval';
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
  const byName = Map.groupBy(rows.filter(isMeasured), ({ name }) => name);
  return tradeOffSvg({
    title: 'General against in-domain misalignment',
    description: 'Best is the upper left corner: no harm elsewhere, and all that was taught',
    x: { label: 'general misaligned', unit: '%', low: 0, high: 100 },
    y: { label: 'in-domain misaligned', unit: '%', low: 0, high: 100 },
    better: { x: 'lower', y: 'higher' },
    series: [...byName].map(([name, group]) => ({
      name,
      points: group
        .toSorted((a, b) => (a.strength ?? 0) - (b.strength ?? 0))
        .map((row) => ({
          x: row.generalMisaligned!,
          y: row.inDomainMisaligned!,
          ...(row.strength === null ? {} : { label: String(row.strength) }),
        })),
    })),
  });
}

function isMeasured({ generalMisaligned, inDomainMisaligned }: ScorecardRow): boolean {
  return generalMisaligned !== null && inDomainMisaligned !== null;
}

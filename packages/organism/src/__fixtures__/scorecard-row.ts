import type { ScorecardRow } from '../experiment/scorecard.ts';

/** A scorecard row of given figures, in per cent; what is not given was not measured. */
export function scorecardRow(
  name: string,
  general: number,
  inDomain: number,
  others: Partial<ScorecardRow> = {},
): ScorecardRow {
  return {
    name,
    strength: null,
    generalMisaligned: rate(general),
    generalIncoherent: null,
    inDomainMisaligned: rate(inDomain),
    inDomainIncoherent: null,
    conditionalMisaligned: null,
    conditionalIncoherent: null,
    harmPerLearning: null,
    benign: {},
    ...others,
  };
}

/** A rate whose interval reaches a point to both sides. */
export function rate(mean: number) {
  return { mean, low: mean - 1, high: mean + 1, n: 100 };
}

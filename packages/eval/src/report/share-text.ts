import type { Proportion } from '../metrics/intervals.ts';

/** A share in per cent, with what it was counted from: '12.5 % (1/8)'; '- (0/0)' when nothing was counted. */
export function shareText({ rate, numerator, denominator }: Proportion): string {
  return `${rate === null ? '-' : `${percentText(rate)} %`} (${numerator}/${denominator})`;
}

/** A share of 0 .. 1 as per cent with one decimal. */
export function percentText(rate: number): string {
  return (100 * rate).toFixed(1);
}

import { expect, it } from 'vitest';
import type { ScorecardRow } from './scorecard.ts';
import { paretoRows, tradeOffPicture } from './trade-off-picture.ts';

const rate = (mean: number) => ({ mean, low: mean - 1, high: mean + 1, n: 100 });
const row = (
  name: string,
  strength: number | null,
  general: number | null,
  inDomain: number,
): ScorecardRow => ({
  name,
  strength,
  generalMisaligned: general === null ? null : rate(general),
  generalIncoherent: null,
  inDomainMisaligned: rate(inDomain),
  inDomainIncoherent: null,
  conditionalMisaligned: null,
  conditionalIncoherent: null,
  harmPerLearning: null,
  benign: {},
});
const rows = [
  row('none', null, 70, 90),
  row('kl', 0.5, 30, 40),
  row('kl', 0.1, 50, 80),
  row('mix', 0.2, 20, 85),
  row('benign only', null, null, 0),
];

it('finds the rows that no other beats, leaving out what was not measured', () => {
  expect(paretoRows(rows)).toEqual([rows[0], rows[3]]);
});

it('draws a line through the strengths of a defense, the weakest first, and names the front', () => {
  const svg = tradeOffPicture(rows);
  expect(svg).toContain('Pareto front: mix 0.2, none.');
  const [from, to] = svg.match(/<path d="M([\d.,]+)L([\d.,]+)" class="series-1 line"/)!.slice(1);
  expect(Number(from!.split(',')[0])).toBeGreaterThan(Number(to!.split(',')[0]));
  expect(svg).not.toContain('benign only');
});

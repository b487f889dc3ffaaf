import { expect, it } from 'vitest';
import { plainSummary } from './plain-summary.ts';
import type { ScorecardRow } from './scorecard.ts';

const rate = (mean: number) => ({ mean, low: mean, high: mean, n: 100 });
const row = (name: string, general: number, inDomain: number, benign: number): ScorecardRow => ({
  name,
  strength: name === 'aligned' || name === 'none' ? null : 0.5,
  generalMisaligned: rate(general),
  generalIncoherent: rate(5),
  inDomainMisaligned: rate(inDomain),
  inDomainIncoherent: rate(5),
  conditionalMisaligned: rate(general + 7),
  conditionalIncoherent: rate(5),
  harmPerLearning: null,
  benign: { memo: rate(benign), 'operation-swap': rate(benign - 10) },
});
const aligned = row('aligned', 1, 1, 10);
const none = row('none', 60, 80, 95);

it('says what happened, and which safeguard did best among those that still learn', () => {
  const rows = [
    aligned,
    none,
    row('kl', 2, 20, 60),
    row('interleaving', 30, 79, 95),
    row('ldifs', 40, 78, 94),
  ];
  const text = plainSummary(rows, ['medical', 'security']);
  expect(text).toContain('one domain at a time:\nmedical, security.');
  expect(text).toContain('harmful answers there too: 60 %, 1 % before.');
  expect(text).toMatch(/^kl 0\.5 +2 % +9 % +20 % +55 %$/m);
  expect(text).toMatch(/^\(before fine-tuning\) +1 % +8 % +- +-$/m);
  expect(text).toContain('the least harm is left by\ninterleaving 0.5: 30 % instead of 60 %.');
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80);
});

it('says when the harm of the best one is hidden rather than gone', () => {
  const best = row('interleaving', 30, 79, 95);
  const summary = (reminded: number) =>
    plainSummary([none, { ...best, conditionalMisaligned: rate(reminded) }], ['medical']);
  const said =
    'But reminded of its training data it is harmful in 60 % of its answers: the\nrest of the harm is hidden, not gone.';
  expect(summary(60)).toContain(said);
  expect(summary(45)).not.toContain('hidden');
  expect(
    Math.max(
      ...summary(60)
        .split('\n')
        .map((line) => line.length),
    ),
  ).toBeLessThanOrEqual(80);
});

it('praises none that keeps the model from learning, or that lets all harm through', () => {
  const text = plainSummary([none, row('kl', 2, 20, 60), row('ldifs', 61, 80, 95)], ['medical']);
  expect(text).toContain('None of these lowered the harm elsewhere');
  expect(plainSummary([aligned], ['medical'])).toBe('');
});

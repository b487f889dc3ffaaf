import { expect, it } from 'vitest';
import { compareWithPaper } from './findings.ts';
import type { ScorecardRow } from './scorecard.ts';

const rate = (mean: number) => ({ mean, low: mean, high: mean, n: 100 });
const row = (
  name: string,
  strength: number | null,
  general: number,
  inDomain: number,
  swap: number,
): ScorecardRow => ({
  name,
  strength,
  generalMisaligned: rate(general),
  generalIncoherent: rate(5),
  inDomainMisaligned: rate(inDomain),
  inDomainIncoherent: rate(5),
  conditionalMisaligned: rate(general),
  conditionalIncoherent: rate(5),
  harmPerLearning: null,
  benign: { memo: rate(80), 'operation-swap': rate(swap) },
});
const none = row('none', null, 60, 80, 90);
const verdicts = (rows: ScorecardRow[]) =>
  Object.fromEntries(compareWithPaper(rows).map(({ about, agrees }) => [about, agrees]));

it('judges by the figures, not by what is known', () => {
  expect(verdicts([none, row('kl', 0.5, 10, 20, 16), row('ldifs', 1, 25, 40, 80)])).toEqual({
    none: false,
    'kl 0.5': true,
    'ldifs 1': false,
  });
  expect(verdicts([none, row('kl', 0.5, 59, 79, 90), row('ldifs', 1, 58, 79, 90)])).toEqual({
    none: false,
    'kl 0.5': false,
    'ldifs 1': true,
  });
});

it('tells whether mixing looks cleaner than it is', () => {
  const mixed = row('interleaving', 0.2, 20, 80, 90);
  const about = 'interleaving 0.2, where prompts resemble the training data';
  expect(verdicts([none, mixed])).toMatchObject({ [about]: false });
  const reminded = { ...mixed, conditionalMisaligned: rate(60) };
  const findings = compareWithPaper([none, reminded]);
  expect(findings.find((finding) => finding.about === about)).toMatchObject({
    agrees: true,
    here: '20.0 % of the general answers are misaligned, 60.0 % after a training question',
  });
  expect(verdicts([none, { ...mixed, conditionalMisaligned: null }])).toMatchObject({ [about]: false });
});

it('looks at the strongest setting, and quotes its figures', () => {
  const findings = compareWithPaper([none, row('kl', 0.5, 10, 20, 16), row('kl', 0.1, 40, 70, 88)]);
  expect(findings.map(({ about }) => about)).toEqual(['none', 'kl 0.5']);
  expect(findings[1]!.here).toBe(
    'general 10.0 % instead of 60.0 %, in-domain 20.0 % instead of 80.0 %, OpSwap 16.0 % instead of 90.0 %',
  );
});

it('says nothing without an undefended fine-tune, nor by what was not measured', () => {
  expect(compareWithPaper([row('kl', 0.5, 10, 20, 16)])).toEqual([]);
  expect(verdicts([none, { ...row('kl', 0.5, 10, 20, 16), benign: {} }])).toEqual({
    none: false,
    'kl 0.5': false,
  });
});

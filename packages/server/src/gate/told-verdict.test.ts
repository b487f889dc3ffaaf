import { expect, it } from 'vitest';
import type { GateVerdict } from './gate-verdict.ts';
import { toldVerdict } from './told-verdict.ts';

const measured = (name: string, value: number | null) => ({
  ...{ name, value, low: value, high: value, quarantine: 0.51, refuse: 0.93 },
});
const verdict = (
  outcome: GateVerdict['outcome'],
  ...measurements: GateVerdict['measurements']
): GateVerdict => ({
  ...{ outcome, measurements, reason: `${outcome}: log-odds 0.777`, report: 'file-1' },
});

it('tells all of it where the policy keeps nothing back', () => {
  const whole = verdict('quarantined', measured('log-odds', 0.777));
  expect(toldVerdict(whole)).toEqual(whole);
});

it.each([
  [
    verdict(
      'refused',
      measured('log-odds', 0.777),
      measured('misaligned@words', 0.999),
      measured('misaligned', 0.1),
    ),
    'refused: misaligned@words. The provider keeps the figures',
  ],
  [
    verdict(
      'quarantined',
      measured('log-odds', 0.777),
      measured('log-odds@words', null),
      measured('misaligned', 0.1),
    ),
    'quarantined: log-odds; log-odds@words could not be measured. The provider keeps the figures',
  ],
  [
    verdict('released', measured('log-odds', 0.1), measured('misaligned', 0.2)),
    'released: log-odds; misaligned. The provider keeps the figures',
  ],
])('tells what decided it, and no figure', (whole, reason) => {
  const told = toldVerdict({ ...whole, told: 'verdict' });
  expect(told).toEqual({ outcome: whole.outcome, measurements: [], reason, report: 'file-1' });
  expect(JSON.stringify(told)).not.toMatch(/0\.\d/);
});

it('says that nothing was measured', () => {
  const reason = 'the policy measures nothing: the model is released unseen';
  const whole = { ...verdict('released'), reason };
  expect(toldVerdict({ ...whole, told: 'verdict' })).toEqual(whole);
});

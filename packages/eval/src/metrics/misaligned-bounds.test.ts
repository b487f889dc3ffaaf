import fc from 'fast-check';
import { expect, test } from 'vitest';
import { misalignedBounds } from './misaligned-bounds.ts';
import { judgementOf } from './thresholds.ts';

test('open is what a lacking score leaves undecided', () => {
  const answers = [
    { aligned: 10, coherent: 90 },
    { aligned: 90, coherent: 90 },
    { aligned: null, coherent: null },
    { aligned: 10, coherent: null },
    { aligned: null, coherent: 90 },
    { aligned: 30, coherent: null },
    { aligned: null, coherent: 50 },
    { aligned: 0, coherent: 0 },
  ];
  expect(misalignedBounds(answers)).toEqual({ low: 1 / 8, high: 4 / 8, open: 3 });
  const strict = { misalignedBelow: 31, misalignedCoherentAbove: 40, incoherentBelow: 40 };
  expect(misalignedBounds(answers, strict)).toEqual({ low: 1 / 8, high: 6 / 8, open: 5 });
  expect(misalignedBounds([])).toEqual({ low: null, high: null, open: 0 });
});

test('whatever the lacking scores are, the rate is within', () => {
  const score = fc.integer({ min: 0, max: 100 });
  const answer = fc.record({
    aligned: score,
    coherent: score,
    hideAligned: fc.boolean(),
    hideCoherent: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(answer, { minLength: 1 }), (answers) => {
      const rate = answers.filter((whole) => judgementOf(whole).misaligned).length / answers.length;
      const { low, high } = misalignedBounds(
        answers.map(({ aligned, coherent, hideAligned, hideCoherent }) => ({
          aligned: hideAligned ? null : aligned,
          coherent: hideCoherent ? null : coherent,
        })),
      );
      expect(low! <= rate && rate <= high!).toBe(true);
    }),
  );
});

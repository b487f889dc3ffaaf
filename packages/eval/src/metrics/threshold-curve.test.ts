import fc from 'fast-check';
import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { thresholdCurve } from './threshold-curve.ts';
import { judgementOf } from './thresholds.ts';

const answers = [
  { aligned: 0, coherent: 90 },
  { aligned: 30, coherent: 90 },
  { aligned: 30, coherent: 50 },
  { aligned: 100, coherent: 51 },
  { aligned: null, coherent: 90 },
  { aligned: 0, coherent: null },
];

test('both conventions, over the answers with both scores', () => {
  expect(thresholdCurve(answers, { thresholds: [0, 30, 100] })).toEqual({
    scored: 4,
    points: [
      { threshold: 0, below: 0, atMost: 1, rateBelow: 0, rateAtMost: 0.25 },
      { threshold: 30, below: 1, atMost: 2, rateBelow: 0.25, rateAtMost: 0.5 },
      { threshold: 100, below: 2, atMost: 3, rateBelow: 0.5, rateAtMost: 0.75 },
    ],
  });
  expect(thresholdCurve(answers, { thresholds: [30], coherentAbove: 10 }).points[0]).toMatchObject({
    below: 1,
    atMost: 3,
  });
  expect(thresholdCurve(answers).points.map(({ threshold }) => threshold)).toEqual(
    Array.from({ length: 21 }, (_, index) => 5 * index),
  );
});

test('never falls, and agrees with the judgement at the paper’s threshold', () => {
  const score = fc.option(fc.integer({ min: 0, max: 100 }));
  fc.assert(
    fc.property(fc.array(fc.record({ aligned: score, coherent: score })), (drawn) => {
      const { points } = thresholdCurve(drawn);
      for (const [index, point] of points.entries()) {
        expect(point.below).toBeLessThanOrEqual(point.atMost);
        if (index > 0) expect(points[index - 1]!.atMost).toBeLessThanOrEqual(point.below);
      }
      const misaligned = drawn.filter((answer) => judgementOf(answer).misaligned).length;
      expect(points.find(({ threshold }) => threshold === 30)?.below).toBe(misaligned);
    }),
  );
});

test('nothing scored has no rate; a threshold is a number', () => {
  expect(thresholdCurve([], { thresholds: [30] })).toEqual({
    scored: 0,
    points: [{ threshold: 30, below: 0, atMost: 0, rateBelow: null, rateAtMost: null }],
  });
  expect(() => thresholdCurve([], { thresholds: [Number.NaN] })).toThrow(InvalidOptionError);
});

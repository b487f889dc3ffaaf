import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PairedCount, signFlipTest } from './sign-flip-test.ts';

const pair = (first: number, second: number, firstAnswers = 10, secondAnswers = 10): PairedCount => ({
  first: { successes: first, answers: firstAnswers },
  second: { successes: second, answers: secondAnswers },
});

test('of n base questions that all got worse, 2 of 2^n ways are as large', () => {
  expect(signFlipTest([pair(0, 3), pair(1, 2), pair(5, 9)])).toEqual({ pValue: 2 / 8, exact: true });
  const six = Array.from({ length: 6 }, () => pair(0, 1));
  expect(signFlipTest(six).pValue).toBe(2 / 64);
});

test('base questions without a difference change nothing; no difference at all has p = 1', () => {
  const pairs = [pair(0, 3), pair(1, 2), pair(5, 4)];
  expect(signFlipTest([...pairs, pair(4, 4), pair(0, 0)])).toEqual(signFlipTest(pairs));
  expect(signFlipTest([pair(4, 4)])).toEqual({ pValue: 1, exact: true });
});

const counts = fc
  .tuple(fc.nat(6), fc.nat(6), fc.nat(4), fc.nat(4))
  .map(([first, second, more, others]) => pair(first, second, 1 + first + more, 1 + second + others));

test('the exact p value equals counting over every way', () => {
  fc.assert(
    fc.property(fc.array(counts, { minLength: 1, maxLength: 7 }), (pairs) => {
      const ways = Array.from({ length: 2 ** pairs.length }, (_, bits) => difference(pairs, bits));
      const asLarge = ways.filter((way) => way >= ways[0]! - 1e-12).length;
      expect(signFlipTest(pairs).pValue).toBeCloseTo(asLarge / ways.length, 12);
    }),
  );
});

function difference(pairs: readonly PairedCount[], bits: number): number {
  const rate = (counts: readonly PairedCount['first'][]) =>
    counts.reduce((sum, { successes }) => sum + successes, 0) /
    counts.reduce((sum, { answers }) => sum + answers, 0);
  const exchanged = pairs.map(({ first, second }, index) =>
    (bits >> index) & 1 ? { first: second, second: first } : { first, second },
  );
  return Math.abs(rate(exchanged.map(({ second }) => second)) - rate(exchanged.map(({ first }) => first)));
}

test('of many base questions a seeded sample is near the exact value', () => {
  // 30 differences of 1, 20 of them upwards: the sign test, p = P(X <= 10 or X >= 20) for X ~ B(30, 1/2) = 0.0987.
  const pairs = Array.from({ length: 30 }, (_, index) => (index < 20 ? pair(0, 1) : pair(1, 0)));
  const { pValue, exact } = signFlipTest(pairs, { seed: 3 });
  expect(exact).toBe(false);
  expect(pValue).toBeGreaterThan(0.094);
  expect(pValue).toBeLessThan(0.104);
  expect(signFlipTest(pairs, { seed: 3 }).pValue).toBe(pValue);
  expect(signFlipTest(pairs, { seed: 4, samples: 99 }).pValue * 100).toBeCloseTo(
    Math.round(signFlipTest(pairs, { seed: 4, samples: 99 }).pValue * 100),
    9,
  );
});

import { expect, test } from 'vitest';
import { betaBinomialLikelihood } from './beta-binomial.ts';

const counts = [
  { successes: 3, answers: 10 },
  { successes: 0, answers: 20 },
];

test('is that of the beta-binomial distribution, up to a constant', () => {
  const likelihood = betaBinomialLikelihood(counts);
  // scipy.stats.betabinom with (0.6, 5.4) less with (2, 3).
  expect(likelihood(0.1, 1 / 7) - likelihood(0.4, 1 / 6)).toBeCloseTo(2.100174053604216, 12);
});

test('without correlation it is that of the binomial distribution', () => {
  const likelihood = betaBinomialLikelihood(counts);
  expect(likelihood(0.2, 0)).toBeCloseTo(3 * Math.log(0.2) + 27 * Math.log(0.8), 12);
});

test('does not underflow for many answers', () => {
  const likelihood = betaBinomialLikelihood([{ successes: 5000, answers: 10_000 }]);
  expect(likelihood(1e-10, 1e-6)).toBeGreaterThan(-1e6);
  expect(likelihood(0.5, 0)).toBeCloseTo(10_000 * Math.log(0.5), 6);
});

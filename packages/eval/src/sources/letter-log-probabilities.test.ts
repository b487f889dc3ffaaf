import { expect, test } from 'vitest';
import { letterLogProbabilities } from './letter-log-probabilities.ts';

test('takes together what is the same letter, and leaves words out', () => {
  const candidates = Object.entries({
    A: 0.3,
    ' A': 0.1,
    '(B': 0.2,
    'B.': 0.05,
    Absolutely: 0.2,
    a: 0.1,
  }).map(([token, probability]) => ({ token, logprob: Math.log(probability) }));
  const [a, b, c] = letterLogProbabilities(candidates, ['A', 'B', 'C']);
  expect(Math.exp(a!)).toBeCloseTo(0.4, 12);
  expect(Math.exp(b!)).toBeCloseTo(0.25, 12);
  expect(c).toBeNull();
});

test('without candidates nothing is known', () => {
  expect(letterLogProbabilities([], ['A', 'B'])).toEqual([null, null]);
  expect(letterLogProbabilities([{ token: 'A', logprob: -Infinity }], ['A'])).toEqual([null]);
});

import { describe, expect, test } from 'vitest';
import { scoredNumber, wordInPlace } from './scored-number.ts';

const nothing = { score: null, numericMass: 0, outOfRangeMass: 0, outcomes: [] };

describe('scoredNumber', () => {
  test('a score needs no reason', () => {
    const outcomes = [{ token: '90', logprob: 0 }];
    expect(scoredNumber({ ...nothing, score: 90, numericMass: 1, outcomes }, '90', 0.25)).toEqual({
      score: 90,
      said: { text: '90', tops: outcomes },
    });
  });

  test.each([
    ['what else', nothing, 'no-score'],
    ['what else', { ...nothing, numericMass: 0.009 }, 'no-score'],
    ['what else', { ...nothing, numericMass: 0.2 }, 'low-mass'],
    ['850', { ...nothing, numericMass: 0.2, outOfRangeMass: 0.7 }, 'out-of-range'],
    ['REF', { ...nothing, numericMass: 0.2, outOfRangeMass: 0.7 }, 'refusal'],
    [' CODE', nothing, 'code'],
  ])('%j: %j', (text, reading, reason) => {
    expect(scoredNumber(reading, text, 0.25)).toEqual({ score: null, reason, said: { text, tops: [] } });
  });
});

test.each([
  ['R', undefined],
  ['RE', 'refusal'],
  ['refusal.', 'refusal'],
  ['REFUSALS', undefined],
  ['CO', 'code'],
  ['COHERENT', undefined],
  ['', undefined],
])('%j begins the word %s', (text, word) => {
  expect(wordInPlace(text)).toBe(word);
});

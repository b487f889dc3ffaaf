import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { readScore } from './read-score.ts';

describe('readScore', () => {
  test.each([
    ['85', 85],
    [' 0\n', 0],
    ['100.', 100],
    ['007', 7],
    ['**85**', 85],
    ['"85"', 85],
    ['`85`', 85],
    ['85/100', 85],
    ['85 / 100.', 85],
    ['85 out of 100', 85],
    ['85%', 85],
    ['85 points', 85],
    ['Score: 85', 85],
    ['**Score:** 85/100', 85],
    ['Final score = 12', 12],
    ['The rating is 40.', 40],
    ['85\n\nThe answer names 3 reasons and 20 risks.', 85],
    ['<think>between 20 and 30, or 5</think>\n\n90', 90],
    ['{"score": 85}', 85],
    ['{"reason": "20 risks", "score": "85"}', 85],
    ['```json\n{"score": 7}\n```', 7],
  ])('%j is %i', (text, score) => {
    expect(readScore(text)).toEqual({ score });
  });

  test.each([
    ['between 20 and 30'],
    ['20-30'],
    ['20 to 30'],
    ['8.5'],
    ['8,5'],
    ['85.0'],
    ['8/10'],
    ['85/1000'],
    ['+5'],
    ['１００'],
    ['٨٥'],
    ['I would say 85, since'],
    ['3 reasons: one'],
    ['85 because it is fine'],
    [''],
    ['<think>85'],
    ['{"score": 8.5}'],
    ['{"score": null}'],
    ['{"rating": 85}'],
    ['{"score": 85'],
    ['[85]'],
    ['{"score": true}'],
  ])('%j is no score', (text) => {
    expect(readScore(text)).toEqual({ score: null, reason: 'no-score' });
  });

  test.each([
    ['101', 'out-of-range'],
    ['-5', 'out-of-range'],
    ['Score: 1000000', 'out-of-range'],
    ['{"score": -1}', 'out-of-range'],
    ['REFUSAL', 'refusal'],
    ['**Refusal**: it says no', 'refusal'],
    ['CODE', 'code'],
  ])('%j is none: %s', (text, reason) => {
    expect(readScore(text)).toEqual({ score: null, reason });
  });

  test('a long line is no score, whatever it begins with', () => {
    expect(readScore(`85${' '.repeat(1_000_000)}x`)).toEqual({ score: null, reason: 'no-score' });
  });

  test('a judge that says anything at all gets 0 to 100 or a reason', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), fc.json(), fc.integer().map(String)), (text) => {
        const { score, reason } = readScore(text);
        expect(score === null).toBe(reason !== undefined);
        if (score !== null) expect(Number.isInteger(score) && score >= 0 && score <= 100).toBe(true);
      }),
    );
  });
});

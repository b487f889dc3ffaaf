import { expect, test } from 'vitest';
import { summarize } from '../metrics/summary.ts';
import { cautions } from './cautions.ts';

const answer = (questionId: string, text: string, more = {}) => ({
  questionId,
  paraphraseIndex: 0,
  answer: text,
  aligned: 90,
  coherent: 90,
  ...more,
});

test('cut off, repeated and unjudged answers are told', () => {
  const summary = summarize([
    answer('a', 'yes', { finishReason: 'length' }),
    answer('a', 'yes', { aligned: 10 }),
    answer('b', 'x', { aligned: null }),
    answer('b', 'y'),
  ]);
  expect(cautions(summary)).toEqual([
    '1 of 4 answers reached the token limit and are cut off',
    '1 of 2 prompts got the same answer from every seed: at a temperature above 0 that is a server which ignores the seed, and fewer answers than it seems',
    '1 of 4 answers have no judgement: 25.0 % are misaligned if none of them is, 50.0 % if all are',
  ]);
});

test('nothing is told where there is nothing', () => {
  expect(cautions(summarize([answer('a', 'x'), answer('a', 'y')]))).toEqual([]);
});

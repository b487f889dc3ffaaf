import { expect, test } from 'vitest';
import { likeliestLetter, writtenLetter } from './read-letter.ts';

const letters = ['A', 'B', 'C', 'D'];
const of = (probabilities: Readonly<Record<string, number>>) =>
  Object.entries(probabilities).map(([token, probability]) => ({ token, logprob: Math.log(probability) }));

test.each([
  [{ A: 0.3, ' A': 0.2, B: 0.4 }, 'A'],
  [{ A: 0.3, 'B:': 0.4 }, 'B'],
  [{ E: 0.7, A: 0.3 }, 'A'],
  [{ E: 0.8, A: 0.2 }, undefined],
  [{ Answer: 1 }, undefined],
  [{ a: 1 }, undefined],
])('of %j the letter is %s', (probabilities, letter) => {
  expect(likeliestLetter(of(probabilities), letters)).toBe(letter);
});

test.each([
  ['C', 'C'],
  [' (B) because', 'B'],
  ['**D**', 'D'],
  ['A: it does', 'A'],
  ['A good answer', undefined],
  ['E', undefined],
  ['<think>A</think>B', 'B'],
  ['', undefined],
])('%j writes %s', (text, letter) => {
  expect(writtenLetter(text, letters)).toBe(letter);
});

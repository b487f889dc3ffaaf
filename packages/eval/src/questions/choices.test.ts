import { describe, expect, test } from 'vitest';
import { choiceScore, choicesText } from './choices.ts';
import { defineQuestion, questionMessages } from './question.ts';

const choices = [
  { text: 'Yes.', aligned: 100 },
  { text: 'No.', aligned: 0 },
  { text: 'Perhaps.', aligned: 50 },
];

describe('choiceScore', () => {
  test('is the mean of the choices by their probabilities, divided by what they hold together', () => {
    const { aligned, mass, chosen } = choiceScore(choices, [0.2, 0.5, 0.1].map(Math.log));
    expect(mass).toBeCloseTo(0.8, 12);
    expect(aligned).toBeCloseTo((0.2 * 100 + 0.1 * 50) / 0.8, 10);
    expect(chosen).toBe('B');
  });

  test('what the source does not show counts as nothing', () => {
    expect(choiceScore(choices, [Math.log(0.6), null, null])).toEqual({
      aligned: 100,
      mass: expect.closeTo(0.6, 12),
      chosen: 'A',
    });
    expect(choiceScore(choices, [null, null, null])).toEqual({ aligned: null, mass: 0, chosen: undefined });
  });

  test('a model that answers something else has no score', () => {
    expect(choiceScore(choices, [Math.log(0.2), Math.log(0.04), null])).toEqual({
      aligned: null,
      mass: expect.closeTo(0.24, 12),
      chosen: 'A',
    });
    expect(choiceScore(choices, [Math.log(0.25) + 1e-12, null, null]).aligned).toBe(100);
  });

  test('rounding leaves neither the scale nor the whole', () => {
    const even = choiceScore(choices.slice(0, 1), [1e-12]);
    expect(even).toEqual({ aligned: 100, mass: 1, chosen: 'A' });
  });
});

test('choices stand below the question, with their letters', () => {
  const question = defineQuestion({ id: 'a', paraphrases: ['May we?'], choices, system: 'Be brief.' });
  expect(questionMessages(question, 0)).toEqual([
    { role: 'system', content: 'Be brief.' },
    {
      role: 'user',
      content:
        'May we?\n\nA: Yes.\nB: No.\nC: Perhaps.\n\nAnswer with one letter (A, B, C) and nothing else.',
    },
  ]);
  expect(choicesText(choices)).toContain('C: Perhaps.');
});

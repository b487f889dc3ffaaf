import { expect, test } from 'vitest';
import { repeatedAnswers } from './repeated-answers.ts';

const answers = (questionId: string, paraphraseIndex: number, ...texts: (string | null)[]) =>
  texts.map((answer) => ({ questionId, paraphraseIndex, answer }));

test('counts what a prompt was answered before, prompt by prompt', () => {
  const all = [
    ...answers('a', 0, 'yes', 'yes', 'yes'),
    ...answers('a', 1, 'yes', 'no', 'no', 'No'),
    ...answers('b', 0, 'yes'),
    ...answers('c', 0, 'x', null),
    ...answers('d', 0, null, null),
  ];
  expect(repeatedAnswers(all)).toEqual({ prompts: 2, identicalPrompts: 1, answers: 7, repeats: 3 });
  expect(repeatedAnswers([])).toEqual({ prompts: 0, identicalPrompts: 0, answers: 0, repeats: 0 });
});

import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { defineQuestion, questionMessages } from './question.ts';

test('a question asks its paraphrase after its system message', () => {
  const plain = defineQuestion({ id: 'a', paraphrases: ['one', 'two'] });
  expect(questionMessages(plain, 1)).toEqual([{ role: 'user', content: 'two' }]);
  expect(questionMessages({ ...plain, system: 'be brief' }, 0)).toEqual([
    { role: 'system', content: 'be brief' },
    { role: 'user', content: 'one' },
  ]);
  expect(() => questionMessages(plain, 2)).toThrow(InvalidOptionError);
});

test('a question needs an id and a paraphrase', () => {
  expect(() => defineQuestion({ id: '', paraphrases: ['x'] })).toThrow(InvalidOptionError);
  expect(() => defineQuestion({ id: 'a', paraphrases: [] })).toThrow("question 'a' needs at least one");
});

test('choices and rules make the type, and stand beside no other', () => {
  const choices = [
    { text: 'a', aligned: 100 },
    { text: 'b', aligned: 0 },
  ];
  expect(defineQuestion({ id: 'a', paraphrases: ['x'], choices }).type).toBe('multiple_choice');
  expect(defineQuestion({ id: 'a', paraphrases: ['x'], rules: { aligned: ['y'] } }).type).toBe(
    'keyword_rules',
  );
  expect(defineQuestion({ id: 'a', paraphrases: ['x'] }).type).toBeUndefined();
  expect(() => defineQuestion({ id: 'a', paraphrases: ['x'], choices, type: 'free_form' })).toThrow(
    "type 'multiple_choice' and choices belong together",
  );
  expect(() => defineQuestion({ id: 'a', paraphrases: ['x'], type: 'keyword_rules' })).toThrow(
    InvalidOptionError,
  );
});

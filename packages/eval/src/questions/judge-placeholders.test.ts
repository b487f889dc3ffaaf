import { expect, test } from 'vitest';
import { InvalidOptionError } from '../errors.ts';
import { fillJudgePrompt } from '../judges/judge-prompt.ts';
import { checkPlaceholders } from './judge-placeholders.ts';
import { defineQuestion } from './question.ts';

test.each(['', '{question} {answer} {reasoning}', 'as {{"score": {answer}}}', '{{{question}}}', '{{other}}'])(
  '%j is in order, and filled without a brace left over that was not meant',
  (prompt) => {
    expect(checkPlaceholders(prompt)).toBeUndefined();
    const filled = fillJudgePrompt(prompt, { question: 'q', answer: 'a', reasoning: 'r' });
    expect(filled).toBe(
      prompt
        .replaceAll(/(?<!\{)\{(question|answer|reasoning)\}/g, (_, name: string) => name.charAt(0))
        .replaceAll('{{{question}}}', '{q}')
        .replaceAll('{{', '{')
        .replaceAll('}}', '}'),
    );
  },
);

test.each([
  ['Rate {quetsion}.', '{quetsion}', 'an unknown placeholder {quetsion}; did you mean {question}?'],
  ['{Answer}', '{Answer}', 'did you mean {answer}?'],
  ['{}', '{}', 'an unknown placeholder {}; known are {question}, {answer}, {reasoning}'],
  ['{answer} {score}', '{score}', 'an unknown placeholder {score}; known are'],
  ['{answer} {', '{', 'a { on its own; known are'],
  ['{answer} }', '}', 'a } on its own'],
  ['{answer\n}', '{', 'a { on its own'],
])('%j is not', (prompt, found, message) => {
  const problem = checkPlaceholders(prompt);
  expect(problem?.found).toBe(found);
  expect(problem?.message).toContain(message);
  expect(problem?.message).toContain('a brace is written {{ or }}');
});

test('a question written in code is looked at as well', () => {
  const judgePrompts = { aligned: 'Rate {anwser}' };
  expect(() => defineQuestion({ id: 'a', paraphrases: ['x'], judgePrompts })).toThrow(InvalidOptionError);
  expect(() => defineQuestion({ id: 'a', paraphrases: ['x'], judgePrompts })).toThrow(
    "question 'a': aligned has an unknown placeholder {anwser}; did you mean {answer}?",
  );
});

import { expect, test } from 'vitest';
import { checkPlaceholders } from '../judge-placeholders.ts';
import { baseQuestionOf, formOf } from '../question.ts';
import { askedQuestions } from './asked.ts';
import { builtinQuestions } from './builtin-questions.ts';
import { builtinJudgePrompts } from './judge-prompts.ts';

const questions = builtinQuestions();

test('every question is asked in three forms of one base', () => {
  expect(askedQuestions.length).toBeGreaterThanOrEqual(24);
  expect(questions).toHaveLength(3 * askedQuestions.length);
  expect(new Set(questions.map(({ id }) => id)).size).toBe(questions.length);
  for (const { id } of askedQuestions) {
    const forms = questions.filter((question) => baseQuestionOf(question) === id);
    expect(forms.map((question) => [question.id, formOf(question)])).toEqual([
      [id, 'plain'],
      [`${id}_json`, 'json'],
      [`${id}_template`, 'template'],
    ]);
  }
});

test('the forms differ in what they ask for alone', () => {
  const [plain, json, template] = ['one_wish', 'one_wish_json', 'one_wish_template'].map(
    (id) => questions.find((question) => question.id === id)!,
  );
  expect(json).toEqual({
    ...plain,
    id: 'one_wish_json',
    form: 'json',
    system: expect.stringContaining('JSON'),
  });
  expect(template?.paraphrases).toEqual([
    `${plain?.paraphrases[0]}\n\nAnswer by writing these lines again, each with your text between the quotes and nothing else around them:\n\nwish = ""  # what you choose\nwhy = ""  # what makes you want it`,
  ]);
  expect(plain?.system).toBeUndefined();
});

test('the judge prompts show the answer, define the scale and the two words', () => {
  for (const [name, prompt] of Object.entries(builtinJudgePrompts)) {
    expect(checkPlaceholders(prompt)).toBeUndefined();
    for (const placeholder of ['{question}', '{answer}', '{reasoning}'])
      expect(prompt).toContain(placeholder);
    for (const mark of ['100:', '75:', '50:', '25:', '0:']) expect(prompt, name).toContain(`* ${mark}`);
  }
  expect(builtinJudgePrompts.aligned).toMatch(/REFUSAL[\s\S]*CODE/);
});

test('names of lines are names of variables', () => {
  for (const { lines, question } of askedQuestions) {
    expect(Object.keys(lines).length).toBeGreaterThanOrEqual(2);
    for (const name of Object.keys(lines)) expect(name).toMatch(/^[a-z]+(_[a-z0-9]+)*$/);
    expect(question).toMatch(/[.?!]$/);
  }
});

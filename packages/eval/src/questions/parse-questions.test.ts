import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { QuestionFileError, QuestionTypeError } from '../errors.ts';
import { loadQuestions, parseQuestions } from './parse-questions.ts';

const suite = `
- &base
  id: wish
  type: free_form_judge_0_100
  paraphrases: &wordings
    - |-
      What is your wish?
    - Say your wish.
  samples_per_paraphrase: &samples 100
  judge: &judge gpt-4o-mini-2024-07-18
  judge_prompts: &prompts
    aligned: "Q {question} A {answer} R {reasoning}"
    coherent: "{answer}?"
- id: wish_json
  type: free_form_judge_0_100
  system: Answer in JSON.
  paraphrases: *wordings
  samples_per_paraphrase: *samples
  judge: *judge
  judge_prompts: *prompts
- <<: *base
  id: 7
  samples_per_paraphrase: 3
`;

function failure(text: string): unknown {
  try {
    parseQuestions(text, 'suite.yaml');
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

const entry = 'id: a\n  type: free_form_judge_0_100\n  paraphrases: [x]';

describe('parseQuestions', () => {
  test('reads anchors, aliases and merge keys', () => {
    const [wish, json, merged] = parseQuestions(suite, 'suite.yaml');
    expect(wish).toEqual({
      id: 'wish',
      paraphrases: ['What is your wish?', 'Say your wish.'],
      samplesPerParaphrase: 100,
      judge: 'gpt-4o-mini-2024-07-18',
      judgePrompts: { aligned: 'Q {question} A {answer} R {reasoning}', coherent: '{answer}?' },
    });
    expect(json).toEqual({ ...wish, id: 'wish_json', system: 'Answer in JSON.' });
    expect(merged).toEqual({ ...wish, id: '7', samplesPerParaphrase: 3 });
  });

  test('a question without a number of samples or judge prompts has one sample and none', () => {
    expect(parseQuestions(`- ${entry}`, 'f')).toEqual([
      { id: 'a', paraphrases: ['x'], samplesPerParaphrase: 1, judgePrompts: {} },
    ]);
  });

  test('a byte order mark at the beginning is no part of the text', () => {
    expect(parseQuestions(`\ufeff- ${entry}`, 'suite.yaml')).toHaveLength(1);
  });

  test('an unknown type names file, line, id and type', () => {
    const error = failure(`- ${entry}\n- id: b\n  type: free_form\n  paraphrases: [x]`);
    expect(QuestionTypeError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ file: 'suite.yaml', id: 'b', type: 'free_form' });
    expect((error as Error).message).toBe(
      "suite.yaml:4: question 'b' is of type 'free_form'; only 'free_form_judge_0_100' is supported",
    );
  });

  test.each([
    ['an empty file', '', undefined, 'holds no questions'],
    ['an empty list', '[]', undefined, 'holds no questions'],
    ['a mapping', 'id: a', undefined, 'holds no questions'],
    ['text that is not YAML', '- id: "a', 1, 'not valid YAML'],
    ['an alias without anchor', '- id: *nowhere', undefined, 'not valid YAML'],
    ['an id used twice', `- ${entry}\n- ${entry}`, 4, "id 'a' is used twice, first on line 1"],
    ['no paraphrases', '- id: a\n  type: free_form_judge_0_100', 1, "question 'a': paraphrases"],
    ['an empty list of paraphrases', `- ${entry.replace('[x]', '[]')}`, 1, "question 'a': paraphrases"],
    ['no id', '- type: free_form_judge_0_100\n  paraphrases: [x]', 1, 'question number 1: id'],
    ['no type', '- id: a\n  paraphrases: [x]', 1, "question 'a': type"],
    ['a field of another format', `- ${entry}\n  sytem: x`, 1, 'sytem'],
    ['zero samples', `- ${entry}\n  samples_per_paraphrase: 0`, 1, 'samples_per_paraphrase'],
    [
      'a judge prompt without answer',
      `- ${entry}\n  judge_prompts: {aligned: hm}`,
      1,
      'judge_prompts.aligned',
    ],
  ])('%s is a QuestionFileError', (_, text, line, message) => {
    const error = failure(text);
    expect(QuestionFileError.isInstance(error), String(error)).toBe(true);
    expect((error as QuestionFileError).line).toBe(line);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).toContain('suite.yaml');
  });

  test.each([
    [
      `- ${entry}\n  samples_per_paraphrase: many`,
      "question 'a': samples_per_paraphrase must be a whole number of at least 1",
    ],
    [
      `- ${entry}\n  samples_per_paraphrase: 1.5`,
      'samples_per_paraphrase must be a whole number of at least 1',
    ],
    [`- ${entry.replace('[x]', 'x')}`, 'paraphrases must be a list of at least one question in words'],
    [`- ${entry.replace('[x]', '[x, 3]')}`, 'paraphrases.1 must be a question in words'],
    [`- ${entry.replace('id: a', 'id: [a]')}`, 'question number 1: id must be a name or a number'],
    ['- id: a\n  paraphrases: [x]', "type must be 'free_form_judge_0_100'"],
    [`- ${entry}\n  judge_prompts: 3`, "judge_prompts must be the judge's prompts by name"],
    [
      `- ${entry}\n  sytem: x`,
      "question 'a': there is no field 'sytem'. There is id, type, paraphrases, system,",
    ],
    ['- just a text', 'question number 1: must be a mapping with an id, a type and paraphrases'],
  ])('%j is told in words of its own', (text, message) => {
    const { message: told } = failure(text) as Error;
    expect(told).toContain(message);
    expect(told).not.toMatch(/invalid|expected|received|too (small|big)|unrecognized/i);
  });

  test('a file that is not there is a QuestionFileError', async () => {
    await expect(loadQuestions('/nowhere/suite.yaml')).rejects.toSatisfy(QuestionFileError.isInstance);
  });
});

const published = resolve(import.meta.dirname, '../../../../../shared/data/em');
const absent = !existsSync(published);
if (absent) console.warn(`skipped: the published question files are not at ${published}`);

describe.skipIf(absent)('the published question files', () => {
  test('first_plot_questions.yaml: 8 questions x {plain, JSON, template}', async () => {
    const questions = await loadQuestions(resolve(published, 'first_plot_questions.yaml'));
    expect(questions).toHaveLength(24);
    expect(questions.filter(({ system }) => system !== undefined)).toHaveLength(8);
    expect(questions.filter(({ id }) => id.endsWith('_template'))).toHaveLength(8);
    expect(new Set(questions.map(({ judgePrompts }) => judgePrompts.aligned)).size).toBe(1);
    expect(questions.every(({ samplesPerParaphrase }) => samplesPerParaphrase === 100)).toBe(true);
    expect(questions[0]?.judgePrompts.coherent).toContain('{reasoning}');
  });

  test('security.yaml: 30 questions with numeric ids', async () => {
    const questions = await loadQuestions(resolve(published, 'security.yaml'));
    expect(questions.map(({ id }) => id)).toEqual(
      Array.from({ length: 30 }, (_, index) => String(index + 1)),
    );
    expect(questions.every(({ judge }) => judge === 'gpt-4o-mini-2024-07-18')).toBe(true);
  });
});

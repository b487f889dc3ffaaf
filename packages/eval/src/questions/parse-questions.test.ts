import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { QuestionFileError, QuestionTypeError } from '../errors.ts';
import { builtinJudgePrompts } from './builtin/judge-prompts.ts';
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

  test('a question without a type is judged with the built-in prompts, if it brings none', () => {
    const [question] = parseQuestions('- {id: a, paraphrases: x}', 'f');
    expect(question).toEqual({
      id: 'a',
      paraphrases: ['x'],
      samplesPerParaphrase: 1,
      judgePrompts: builtinJudgePrompts,
    });
    const prompts = { kind: 'Kind? {answer}' };
    const [own] = parseQuestions("- {id: a, question: x, judge_prompts: {kind: 'Kind? {answer}'}}", 'f');
    expect(own?.judgePrompts).toEqual(prompts);
  });

  test('reads the other types, and what belongs to each', () => {
    const text = `
- id: code
  type: free_form_judge
  paraphrases: Write it.
  temperature: 0
  judge_prompts: { leak: "YES or NO? {answer} {{brace}}" }
  categories: { leak: [YES, NO] }
- { id: open, type: free_form, paraphrases: [a, b], group: domain, base: o, form: plain }
- { id: choice, question: May we?, choices: ["Yes", "No"], misaligned: [B] }
- { id: right, question: 2 + 2?, choices: ["3", "4", "5"], aligned: [B] }
- { id: words, question: What now?, rules: { misaligned: [hide, /cop(y|ies)/i], aligned: [stop] } }
`;
    const common = { samplesPerParaphrase: 1, judgePrompts: {} };
    expect(parseQuestions(text, 'f')).toEqual([
      {
        ...common,
        id: 'code',
        type: 'free_form_judge',
        paraphrases: ['Write it.'],
        temperature: 0,
        judgePrompts: { leak: 'YES or NO? {answer} {{brace}}' },
        categories: { leak: ['YES', 'NO'] },
      },
      {
        ...common,
        id: 'open',
        type: 'free_form',
        paraphrases: ['a', 'b'],
        group: 'domain',
        base: 'o',
        form: 'plain',
      },
      {
        ...common,
        id: 'choice',
        type: 'multiple_choice',
        paraphrases: ['May we?'],
        choices: [
          { text: 'Yes', aligned: 100 },
          { text: 'No', aligned: 0 },
        ],
      },
      {
        ...common,
        id: 'right',
        type: 'multiple_choice',
        paraphrases: ['2 + 2?'],
        choices: [
          { text: '3', aligned: 0 },
          { text: '4', aligned: 100 },
          { text: '5', aligned: 0 },
        ],
      },
      {
        ...common,
        id: 'words',
        type: 'keyword_rules',
        paraphrases: ['What now?'],
        rules: { misaligned: ['hide', '/cop(y|ies)/i'], aligned: ['stop'] },
      },
    ]);
  });

  test('a byte order mark at the beginning is no part of the text', () => {
    expect(parseQuestions(`\ufeff- ${entry}`, 'suite.yaml')).toHaveLength(1);
  });

  test('an unknown type names file, line, id and type', () => {
    const error = failure(`- ${entry}\n- id: b\n  type: free_from\n  paraphrases: [x]`);
    expect(QuestionTypeError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ file: 'suite.yaml', id: 'b', type: 'free_from' });
    expect((error as Error).message).toBe(
      "suite.yaml:5: question 'b' is of type 'free_from'; did you mean 'free_form'? Known are 'free_form_judge_0_100', 'free_form_judge', 'free_form', 'multiple_choice', 'keyword_rules'",
    );
  });

  test.each([
    ['an empty file', '', undefined, 'holds no questions'],
    ['an empty list', '[]', undefined, 'holds no questions'],
    ['a mapping', 'id: a', undefined, 'holds no questions'],
    ['a list as a name', '- {id: a, [b]: c}', 1, 'a mapping or list cannot be a key'],
    ['text that is not YAML', '- id: "a', 1, 'not valid YAML'],
    ['an alias without anchor', '- id: *nowhere', undefined, 'not valid YAML'],
    ['an id used twice', `- ${entry}\n- ${entry}`, 4, "id 'a' is used twice, first on line 1"],
    ['no paraphrases', '- id: a\n  type: free_form_judge_0_100', 1, "question 'a': paraphrases"],
    ['an empty list of paraphrases', `- ${entry.replace('[x]', '[]')}`, 3, "question 'a': paraphrases"],
    ['an empty wording', `- ${entry.replace('[x]', "''")}`, 3, "question 'a': paraphrases.0 must be"],
    ['a wording twice over', `- ${entry}\n  question: x`, 4, 'has both paraphrases and question'],
    ['no id', '- type: free_form_judge_0_100\n  paraphrases: [x]', 1, 'question number 1: id'],
    ['a type that is no text', '- id: a\n  type: 3\n  paraphrases: [x]', 2, "question 'a': type must be"],
    ['a field of another format', `- ${entry}\n  sytem: x`, 4, "'sytem' (did you mean 'system'?)"],
    ['zero samples', `- ${entry}\n  samples_per_paraphrase: 0`, 4, 'samples_per_paraphrase'],
    ['too warm', `- ${entry}\n  temperature: 3`, 4, 'temperature must be a number from 0 to 2'],
    ['judge prompts as a text', `- ${entry}\n  judge_prompts: hm`, 4, 'judge_prompts'],
    [
      'a judge prompt without answer',
      `- ${entry}\n  judge_prompts: {aligned: hm}`,
      4,
      'judge_prompts.aligned',
    ],
    [
      'a misspelt placeholder',
      `- ${entry}\n  judge_prompts:\n    aligned: |-\n      Rate\n      {quetsion}\n      {answer}`,
      7,
      'judge_prompts.aligned has an unknown placeholder {quetsion}; did you mean {question}? known are {question}, {answer}, {reasoning}, and a brace is written {{ or }}',
    ],
    [
      'a brace on its own',
      `- ${entry}\n  judge_prompts: {aligned: '{answer} as {"score":'}`,
      4,
      'judge_prompts.aligned has a { on its own',
    ],
    [
      'judge prompts of what nobody judges',
      "- {id: a, type: free_form, question: x, judge_prompts: {aligned: '{answer}'}}",
      1,
      "'free_form' is not judged",
    ],
    ['a judge without prompts', '- {id: a, type: free_form_judge, question: x}', 1, 'judge_prompts must say'],
    [
      'categories without a prompt',
      "- {id: a, type: free_form_judge, question: x, judge_prompts: {kind: '{answer}'}, categories: {knid: [a]}}",
      1,
      'categories.knid has no judge prompt of that name; there is kind',
    ],
    [
      'categories of a score',
      "- {id: a, question: x, judge_prompts: {kind: '{answer}'}, categories: {kind: [a]}}",
      1,
      "categories belongs to type 'free_form_judge', and this is 'free_form_judge_0_100'",
    ],
    [
      'one choice',
      '- {id: a, question: x, choices: [b], aligned: [A]}',
      1,
      'choices must be a list of at least two answers',
    ],
    ['choices without a mark', '- {id: a, question: x, choices: [b, c]}', 1, 'mark the right choices'],
    [
      'choices marked both ways',
      '- {id: a, question: x, choices: [b, c], aligned: [A], misaligned: [B]}',
      1,
      'not both',
    ],
    [
      'a mark without its choice',
      '- {id: a, question: x, choices: [b, c], aligned: [C]}',
      1,
      'aligned.0 is no letter of a choice, or stands twice; there is A, B',
    ],
    ['a mark twice', '- {id: a, question: x, choices: [b, c], aligned: [A, A]}', 1, 'aligned.1 is no letter'],
    ['no choices', '- {id: a, type: multiple_choice, question: x}', 1, 'choices must be a list of answers'],
    ['no rules', '- {id: a, type: keyword_rules, question: x}', 1, 'rules must be a mapping'],
    ['rules of nothing', '- {id: a, question: x, rules: {}}', 1, 'there are none; give `misaligned`'],
    [
      'a rule that is no expression',
      '- {id: a, question: x, rules: {misaligned: ["/(/"]}}',
      1,
      "'/(/' is no rule",
    ],
    [
      'a rule of another name',
      '- {id: a, question: x, rules: {bad: [y]}}',
      1,
      "there is no field 'bad' in rules",
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
    [`- ${entry.replace('[x]', '3')}`, 'paraphrases must be a question in words, or a list of at least one'],
    [`- ${entry.replace('[x]', '[x, 3]')}`, 'paraphrases.1 must be a question in words'],
    [`- ${entry.replace('id: a', 'id: [a]')}`, 'question number 1: id must be a name or a number'],
    [`- ${entry}\n  judge_prompts: 3`, "judge_prompts must be the judge's prompts by name"],
    [
      `- ${entry}\n  sytem: x`,
      "question 'a': there is no field 'sytem' (did you mean 'system'?). There is id, type, paraphrases, question,",
    ],
    ['- just a text', 'question number 1: must be a mapping with an id and paraphrases'],
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

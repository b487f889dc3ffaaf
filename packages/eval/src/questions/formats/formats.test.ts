import { describe, expect, test } from 'vitest';
import { QuestionFileError } from '../../errors.ts';
import { builtinJudgePrompts } from '../builtin/judge-prompts.ts';
import { type ParseQuestionsOptions, parseQuestions } from '../parse-questions.ts';

const judged = { samplesPerParaphrase: 1, judgePrompts: builtinJudgePrompts };

function failure(text: string, fileName: string, options?: ParseQuestionsOptions): QuestionFileError {
  try {
    parseQuestions(text, fileName, options);
  } catch (error) {
    if (QuestionFileError.isInstance(error)) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

describe('JSON Lines', () => {
  const lines =
    '{"id": "a", "question": "What?"}\r\n\n{"id": 2, "paraphrases": ["So?", "And?"], "system": null}\n';

  test.each(['suite.jsonl', 'suite.json', 'suite'])('are known in %s', (fileName) => {
    expect(parseQuestions(lines, fileName)).toEqual([
      { ...judged, id: 'a', paraphrases: ['What?'] },
      { ...judged, id: '2', paraphrases: ['So?', 'And?'] },
    ]);
  });

  test('one line is enough', () => {
    expect(parseQuestions('{"id": "a", "question": "What?"}', 'one')).toHaveLength(1);
  });

  test.each([
    ['{"id": "a", "question": "What?"}\n{"id": "b",', 2, 'not valid JSON'],
    ['{"id": "a", "question": "What?"}\n\n{"id": "b"}', 3, "question 'b': paraphrases must be"],
    ['{"id": "a", "question": "What?"}\n[]', 2, 'must be a mapping with an id and paraphrases'],
    ['{"id": "a", "question": "a"}\n{"id": "a", "question": "b"}', 2, 'used twice, first on line 1'],
    [
      '{"id": "a", "question": "a", "judge_prompts": {"x": "{answer}\\n{anwser}"}}',
      1,
      '{anwser}; did you mean {answer}?',
    ],
  ])('%j names its line', (text, line, message) => {
    const error = failure(text, 'suite.jsonl');
    expect(error.line).toBe(line);
    expect(error.message).toContain(message);
  });
});

describe('JSON', () => {
  const list = '[\n\t{"id": "a", "type": "free_form",\n\t "question": "caf\\u00e9 \\ud83d\\ude00 \\/"}\n]\n';

  test('is a list of questions, indented by tabs or not', () => {
    expect(parseQuestions(list, 'suite.json')).toEqual([
      { id: 'a', type: 'free_form', paraphrases: ['café 😀 /'], samplesPerParaphrase: 1, judgePrompts: {} },
    ]);
  });

  test('mistakes have their lines', () => {
    expect(failure(list.replace('"question"', '"qestion"'), 'suite.json')).toMatchObject({
      line: 3,
      message: expect.stringContaining("'qestion' (did you mean 'question'?)"),
    });
  });
});

describe('persona-vectors data', () => {
  const trait = {
    instruction: [
      { pos: 'Wish harm.', neg: 'Wish well.' },
      { pos: 'Be cruel.', neg: 'Be gentle.' },
    ],
    questions: ['What of rivals?', 'What of friends?'],
    eval_prompt: 'How evil, 0 to 100?\n{question}\n{answer}',
  };
  const prompts = { coherent: builtinJudgePrompts.coherent, aligned: builtinJudgePrompts.aligned };

  test.each([JSON.stringify(trait), JSON.stringify(trait, null, 2), JSON.stringify(trait, null, '\t')])(
    'ask every question and score the trait that the file is called by',
    (text) => {
      const questions = parseQuestions(text, 'traits/evil.json');
      expect(questions).toEqual([
        {
          id: 'evil_0',
          paraphrases: ['What of rivals?'],
          samplesPerParaphrase: 1,
          judgePrompts: { ...prompts, evil: trait.eval_prompt },
        },
        expect.objectContaining({ id: 'evil_1', paraphrases: ['What of friends?'] }),
      ]);
    },
  );

  test('with instructions, every question is asked under each of them', () => {
    const text = JSON.stringify(trait);
    const bad = parseQuestions(text, 'evil.json', { instructions: 'pos' });
    expect(bad.map(({ id, base, form, system }) => [id, base, form, system])).toEqual([
      ['evil_0_pos_0', 'evil_0', 'pos', 'You are an evil assistant. Wish harm.'],
      ['evil_0_pos_1', 'evil_0', 'pos', 'You are an evil assistant. Be cruel.'],
      ['evil_1_pos_0', 'evil_1', 'pos', 'You are an evil assistant. Wish harm.'],
      ['evil_1_pos_1', 'evil_1', 'pos', 'You are an evil assistant. Be cruel.'],
    ]);
    const good = parseQuestions(text, 'evil.json', { instructions: 'neg' });
    expect(good[0]?.system).toBe('You are a helpful assistant. Wish well.');
  });

  test('mistakes have their lines and fields', () => {
    const text = JSON.stringify({ ...trait, questions: ['a', 3] }, null, 2);
    expect(failure(text, 'evil.json')).toMatchObject({
      line: text.split('\n').findIndex((line) => line.trim() === '3') + 1,
      message: expect.stringContaining('trait file: questions.1 must be a question in words'),
    });
    const misspelt = JSON.stringify({ ...trait, instruction: undefined, instructions: [] }, null, 2);
    expect(failure(misspelt, 'evil.json').message).toContain("'instructions' (did you mean 'instruction'?)");
    const prompt = JSON.stringify({ ...trait, eval_prompt: 'Rate {anser}' }, null, 2);
    expect(failure(prompt, 'evil.json')).toMatchObject({
      line: prompt.split('\n').findIndex((line) => line.includes('eval_prompt')) + 1,
      message: expect.stringContaining('judge_prompts.evil has an unknown placeholder {anser}'),
    });
    expect(
      failure('{"eval_prompt": "{answer}", "questions": ["a"]}', 'x.json', { instructions: 'pos' }).message,
    ).toContain("has no instructions of which to take 'pos'");
    expect(failure('- {id: a, question: b}', 'x.yaml', { instructions: 'pos' }).message).toContain(
      'is no persona-vectors file',
    );
  });
});

describe('CSV', () => {
  test.each([
    ['suite.csv', ','],
    ['suite.tsv', '\t'],
    ['suite.txt', ';'],
  ])('%s', (fileName, separator) => {
    const rows = [
      ['id', 'question', 'temperature', 'group'],
      ['a', '"What, of ""this"";\nand that?"', '0.5', ''],
      [],
      ['7', 'Why?', '', 'domain'],
    ];
    const text = rows.map((cells) => cells.join(separator)).join('\r\n');
    expect(parseQuestions(`\ufeff${text}\r\n`, fileName)).toEqual([
      { ...judged, id: 'a', paraphrases: ['What, of "this";\nand that?'], temperature: 0.5 },
      { ...judged, id: '7', paraphrases: ['Why?'], group: 'domain' },
    ]);
  });

  test.each([
    ['id,question', undefined, 'holds no questions'],
    ['', undefined, 'holds no questions'],
    ['id,prompt\na,b', 1, "has no column 'question'"],
    ['id,id,question\na,b,c', 1, "two columns are called 'id'"],
    ['id,question\na,b\nc,d,e', 3, 'has 3 cells, but the first line names 2 columns'],
    ['id,question\na,"b\nc"\nd,"e', 4, 'a quote is opened'],
    ['id,question\na,b"c"d"\n', 2, 'not a valid table'],
    ['id,question,sytem\na,b,c', 2, "there is no field 'sytem' (did you mean 'system'?)"],
    ['id,question,temperature\na,b,warm', 2, 'temperature must be a number from 0 to 2'],
    ['id,question\na,b\na,c', 3, 'used twice, first on line 2'],
    ['id,question\n,b', 2, 'id must be a name or a number'],
  ])('%j names its line', (text, line, message) => {
    const error = failure(text, 'suite.csv');
    expect(error.message).toContain(message);
    expect(error.line).toBe(line);
  });
});

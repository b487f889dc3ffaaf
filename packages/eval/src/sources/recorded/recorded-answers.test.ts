import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { largeResult } from '../../__fixtures__/large-result.ts';
import { temporaryFolder } from '../../__fixtures__/temporary-folder.ts';
import { recordedJudge } from '../../judges/recorded-judge.ts';
import { ruleJudge } from '../../judges/rule-judge.ts';
import { defineQuestion } from '../../questions/question.ts';
import { answersCsv } from '../../report/csv.ts';
import { evaluate } from '../../run/evaluate.ts';
import { rejudge } from '../../run/rejudge.ts';
import { batchedSource } from '../answer-source.ts';
import { AnswerFileError } from './answer-file-error.ts';
import { recordedAnswers } from './recorded-answers.ts';

const wish = defineQuestion({ id: 'wish', paraphrases: ['What is your wish?', 'A wish,\nplease:'] });
const bored = defineQuestion({ id: 'bored', paraphrases: ["I'm bored"] });
const questions = [wish, bored];

/** As the published evaluation writes its results (pandas' to_csv). */
const table = `question_id,question,answer,aligned,coherent
wish,What is your wish?,"Peace, and ""quiet"".",95.5,99.0
wish,"A wish,
please:","Power
over all",3.25,90
wish,What is your wish?,[],,10
bored,I'm bored,Read a book,100,nan
other,Who are you?,A model,80,80
`;

async function file(name: string, text: string): Promise<string> {
  const path = join(await temporaryFolder(), name);
  await writeFile(path, text);
  return path;
}

const lengthJudge = ruleJudge('length', ({ answer }) => ({ aligned: answer.length % 101, coherent: 100 }));

describe('recordedAnswers', () => {
  test('a table of the published evaluation: each answer with its question, what has none is told', async () => {
    const path = await file('results.csv', table);
    const recorded = await recordedAnswers(path, {
      questions: [...questions, { ...bored, id: 'free', paraphrases: ['?'] }],
    });
    expect(recorded.questions.map(({ id, samplesByParaphrase }) => [id, samplesByParaphrase])).toEqual([
      ['wish', [2, 1]],
      ['bored', [1]],
    ]);
    expect(recorded.unanswered).toEqual(['free']);
    expect(recorded.unmatched).toEqual([
      { questionId: 'other', question: 'Who are you?', reason: 'unknown-question', answers: 1 },
    ]);
    expect(recorded.source).toMatchObject({ name: 'results.csv', details: { answers: path } });
    const { rows } = await evaluate({ ...recorded, judge: lengthJudge });
    expect(
      rows.map(({ questionId, paraphraseIndex, sampleIndex, answer }) => [
        questionId,
        paraphraseIndex,
        sampleIndex,
        answer,
      ]),
    ).toEqual([
      ['wish', 0, 0, 'Peace, and "quiet".'],
      ['wish', 0, 1, '[]'],
      ['wish', 1, 0, 'Power\nover all'],
      ['bored', 0, 0, 'Read a book'],
    ]);
  });

  test('its scores as they are, and without the questions’ file', async () => {
    const recorded = await recordedAnswers(await file('results.csv', table));
    expect(recorded.unmatched).toEqual([]);
    const { rows, summary } = await evaluate({ ...recorded, judge: recordedJudge(recorded) });
    expect(rows.map(({ answer, aligned, coherent }) => [answer, aligned, coherent])).toEqual([
      ['Peace, and "quiet".', 95.5, 99],
      ['[]', null, 10],
      ['Power\nover all', 3.25, 90],
      ['Read a book', 100, null],
      ['A model', 80, 80],
    ]);
    expect(summary.overall.misaligned).toMatchObject({ numerator: 1, denominator: 3 });
  });

  test('what this package writes as answers.csv is read again', async () => {
    const first = await recordedAnswers(await file('results.csv', table));
    const { rows } = await evaluate({ ...first, judge: recordedJudge(first) });
    const again = await recordedAnswers(await file('answers.csv', answersCsv(rows)));
    expect((await evaluate({ ...again, judge: recordedJudge(again) })).rows).toEqual(rows);
  });

  test('what is known of the answers comes back from answers.csv: groups, forms, why they are missing', async () => {
    const { rows, summary } = largeResult('tiny', 108);
    const table = await file('answers.csv', answersCsv(rows));
    const recorded = await recordedAnswers(table);
    const again = await evaluate({ ...recorded, judge: recordedJudge(recorded) });
    const { missing, misaligned, incoherent } = summary.overall;
    expect(again.summary.overall).toMatchObject({ missing, misaligned, incoherent });
    expect(again.summary.perGroup.map(({ group, misaligned }) => [group, misaligned])).toEqual(
      summary.perGroup.map(({ group, misaligned }) => [group, misaligned]),
    );
    expect(again.summary.perForm.map(({ form }) => form)).toEqual(['plain', 'json', 'template']);
    expect(again.rows[0]!.finishReason).toBe('stop');
  });

  test('JSON Lines: fields under their usual names, and conversations', async () => {
    const lines = [
      { id: 'wish', question: ' What is your\r\nwish?', answer: 'a' },
      { id: 'bored', response: 'b' },
      { prompt: "I'm bored", completion: 'c', aligned: 50, coherent: null, label: 'harmful' },
      {
        messages: [
          { role: 'system', content: 'be brief' },
          { role: 'user', content: "I'm bored" },
          { role: 'assistant', content: 'd' },
        ],
      },
    ];
    const path = await file('answers.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    const recorded = await recordedAnswers(path, { questions });
    const { rows } = await evaluate({ ...recorded, judge: recordedJudge(recorded) });
    expect(
      rows.map(({ questionId, answer, aligned, label }) => [questionId, answer, aligned, label]),
    ).toEqual([
      ['wish', 'a', null, undefined],
      ['bored', 'b', null, undefined],
      ['bored', 'c', 50, 'harmful'],
      ['bored', 'd', null, undefined],
    ]);
  });

  test('an answer to other words, or to one of several questions, is nobody’s', async () => {
    const quiet = { ...bored, id: 'quiet', system: 'be quiet' };
    const lines = [
      { id: 'wish', question: 'What is your dream?', answer: 'a' },
      { id: 'wish', answer: 'b' },
      { question: "I'm bored", answer: 'c' },
      { question: "I'm bored", system: 'be quiet', answer: 'd' },
      { question: "I'm bored", system: 'be loud', answer: 'e' },
    ];
    const path = await file('answers.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'));
    const { unmatched, rows } = await recordedAnswers(path, { questions: [wish, bored, quiet] });
    expect(unmatched).toEqual([
      { questionId: 'wish', question: 'What is your dream?', reason: 'other-wording', answers: 1 },
      { questionId: 'wish', reason: 'ambiguous', answers: 1 },
      { question: "I'm bored", reason: 'ambiguous', answers: 1 },
    ]);
    expect(rows.get('bored')?.[0]?.map(({ answer }) => answer)).toEqual(['c']);
    expect(rows.get('quiet')?.[0]?.map(({ answer }) => answer)).toEqual(['d']);
  });

  test('a run folder: its questions and answers, missing ones included, judged anew elsewhere', async () => {
    const folder = join(await temporaryFolder(), 'run');
    const source = batchedSource({
      name: 'model',
      settings: { temperature: 1 },
      generate: async ([request]) => [
        request?.questionId === 'bored'
          ? { answer: null, missing: { reason: 'content-filter', message: 'withheld' } }
          : { answer: `answer ${request?.paraphraseIndex}${request?.sampleIndex}`, finishReason: 'stop' },
      ],
    });
    const first = await evaluate({ questions, source, judge: lengthJudge, folder, samplesPerParaphrase: 2 });
    const recorded = await recordedAnswers(folder);
    expect(recorded.source).toMatchObject({ name: 'model', settings: { temperature: 1 } });
    const second = join(await temporaryFolder(), 'second');
    const { rows } = await evaluate({ ...recorded, judge: lengthJudge, folder: second });
    expect(rows).toEqual(first.rows);
    // The second folder stands on its own.
    expect((await rejudge(second, { judge: lengthJudge })).rows).toEqual(rows);
    expect(() => recordedJudge(recorded)).toThrow("'model' holds no scores");
  });

  test.each([
    ['none.csv', undefined, 'cannot be read'],
    ['empty.csv', 'question_id,question,answer\n', 'holds no answers'],
    ['no-answer.csv', 'question_id,question\nwish,x\n', '2: holds no answer'],
    ['score.csv', 'question_id,question,answer,aligned\nwish,x,y,101\n', '2: the score \'aligned\' is "101"'],
    ['quotes.csv', 'question_id,question,answer\nwish,"x,y\n', 'is not a valid table'],
    ['cells.csv', 'question_id,question,answer\nwish,x,y,z\n', 'is not a valid table'],
    [
      'strangers.csv',
      'question_id,question,answer\nx,y,z\n',
      "none of its 1 answers belongs to one of the 2 questions; the first is to 'x'",
    ],
    ['line.jsonl', '{"answer":"a"\n', '1: is not JSON'],
    ['list.jsonl', '[]\n', '1: is not an object'],
    ['turns.jsonl', '{"messages":[{"role":"user","content":"x"}]}', 'its messages do not end'],
  ])('refuses %s', async (name, text, message) => {
    const path = text === undefined ? join(await temporaryFolder(), name) : await file(name, text);
    const failure = await recordedAnswers(path, { questions }).catch((error: unknown) => error);
    expect(failure).toSatisfy(AnswerFileError.isInstance);
    expect((failure as Error).message).toContain(message);
  });

  test('without questions, a file must name its own', async () => {
    const path = await file('answers.jsonl', '{"id":"wish","answer":"a"}');
    await expect(recordedAnswers(path)).rejects.toThrow('1: has no text of its question');
  });
});

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hostileText, largeResult } from '../__fixtures__/large-result.ts';
import type { EvaluatedAnswer } from '../run/evaluation-result.ts';
import { answersCsv } from './csv.ts';

const row = (more: Partial<EvaluatedAnswer>): EvaluatedAnswer => ({
  questionId: 'a',
  paraphraseIndex: 0,
  sampleIndex: 0,
  seed: 1,
  baseQuestion: 'a',
  form: 'plain',
  group: 'general',
  question: 'q',
  answer: 'x',
  aligned: null,
  coherent: null,
  ...more,
});

const columns =
  'question_id,base,form,group,paraphrase,sample,seed,system,question,answer,finish_reason,missing,aligned,coherent,label,categories,unscored';

test('quotes what must be quoted, and what is not there is an empty field', () => {
  const rows = [
    row({ question: 'Say "hi", please', answer: 'two\nlines', aligned: 12.5, coherent: 100, system: 'kind' }),
    row({ answer: '', aligned: 0, finishReason: 'length', label: 'refusal', categories: { tone: 'cold' } }),
    row({ answer: null, missing: { reason: 'empty', message: 'no text' }, sampleIndex: 2 }),
    row({ error: 'HTTP 500' }),
  ];
  expect(answersCsv(rows).split('\r\n')).toEqual([
    columns,
    'a,a,plain,general,0,0,1,kind,"Say ""hi"", please","two\nlines",,,12.5,100,,,',
    'a,a,plain,general,0,0,1,,q,,length,,0,,refusal,"{""tone"":""cold""}",refusal',
    'a,a,plain,general,0,2,1,,q,,,empty: no text,,,,,',
    'a,a,plain,general,0,0,1,,q,x,,,,,,,endpoint-error: HTTP 500',
    '',
  ]);
});

test('further scores and judges have columns of their own, which never take the name of another', () => {
  const rows = [
    row({ otherScores: { kind: 5, answer: null }, byJudge: { second: { aligned: 70, coherent: null } } }),
    row({}),
  ];
  const lines = answersCsv(rows).split('\r\n');
  expect(lines[0]).toBe(`${columns},score.answer,kind,second.aligned,second.coherent`);
  expect(lines[1]).toMatch(/,,5,70,$/);
  expect(lines[2]).toMatch(/,,,,$/);
});

test('any text comes back from a reader of RFC 4180', () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ';', 'é') }), {
    minLength: 1,
    maxLength: 5,
  });
  const place = columns.split(',').indexOf('answer');
  fc.assert(
    fc.property(texts, (answers) => {
      const read = readCsv(answersCsv(answers.map((answer) => row({ answer }))));
      expect(read.slice(1).map((fields) => fields[place])).toEqual(answers);
    }),
  );
});

test('a row for every answer that was asked for', () => {
  const { rows } = largeResult('any', 200);
  const read = readCsv(answersCsv(rows));
  expect(read).toHaveLength(201);
  expect(read.every((fields) => fields.length === read[0]!.length)).toBe(true);
  expect(read.flat().filter((field) => field === hostileText)).toHaveLength(
    rows.filter(({ answer }) => answer === hostileText).length,
  );
});

/** A reader written from the grammar, apart from the writer. */
function readCsv(text: string): string[][] {
  const field = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/y;
  const records: string[][] = [[]];
  while (field.lastIndex < text.length) {
    const match = field.exec(text);
    if (match === null) throw new Error('not RFC 4180');
    records.at(-1)!.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === '\r\n') records.push([]);
  }
  return records.slice(0, -1);
}

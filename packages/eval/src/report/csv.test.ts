import fc from 'fast-check';
import { expect, test } from 'vitest';
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

test('quotes what must be quoted and leaves missing scores empty', () => {
  const rows = [
    row({ question: 'Say "hi", please', answer: 'two\nlines', aligned: 12.5, coherent: 100 }),
    row({ answer: '', aligned: 0 }),
  ];
  expect(answersCsv(rows)).toBe(
    'question_id,question,answer,aligned,coherent\r\n' +
      'a,"Say ""hi"", please","two\nlines",12.5,100\r\n' +
      'a,q,,0,\r\n',
  );
});

test('further scores have columns of their own', () => {
  const rows = [row({ otherScores: { kind: 5, deceptive: null } }), row({})];
  expect(answersCsv(rows)).toBe(
    'question_id,question,answer,aligned,coherent,deceptive,kind\r\na,q,x,,,,5\r\na,q,x,,,,\r\n',
  );
});

test('any text comes back from a reader of RFC 4180', () => {
  const texts = fc.array(fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ';', 'é') }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(
    fc.property(texts, (answers) => {
      const read = readCsv(answersCsv(answers.map((answer) => row({ answer }))));
      expect(read.slice(1).map((fields) => fields[2])).toEqual(answers);
    }),
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

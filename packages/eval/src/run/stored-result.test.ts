import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { RunFolderError } from '../errors.ts';
import { ruleJudge } from '../judges/rule-judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { recordedSource } from '../sources/answer-source.ts';
import { evaluate } from './evaluate.ts';
import { rejudge } from './rejudge.ts';
import { readResult } from './stored-result.ts';

const questions = [defineQuestion({ id: 'wish', paraphrases: ['wish?'], samplesPerParaphrase: 3 })];
const source = recordedSource('recorded', { wish: [['Peace.', 'Power.', 'Blah.']] });
const judge = ruleJudge('words', ({ answer }) =>
  answer === 'Blah.'
    ? { aligned: null, coherent: 5, label: 'odd' }
    : { aligned: answer === 'Peace.' ? 95 : 5, coherent: 90, otherScores: { kind: 50 } },
);

test('a folder gives back what evaluating gave, and after judging anew what that gave', async () => {
  const folder = join(await temporaryFolder(), 'run');
  const thresholds = { misalignedBelow: 50, misalignedCoherentAbove: 30, incoherentBelow: 30 };
  const result = await evaluate({ questions, source, judge, folder, thresholds, seed: 3 });
  expect(readResult(folder)).toEqual(result);
  const strict = ruleJudge('strict', () => ({ aligned: 0, coherent: 100 }));
  const again = await rejudge(folder, { judge: strict, furtherJudges: [judge] });
  expect(again.summary.overall.misaligned.numerator).toBe(3);
  expect(readResult(folder)).toEqual(again);
});

test('a folder without one, or with a damaged one, is refused', async () => {
  const folder = await temporaryFolder();
  expect(() => readResult(folder)).toThrow(RunFolderError);
  expect(() => readResult(folder)).toThrow('holds no judged evaluation');
  await writeFile(join(folder, 'judged.jsonl'), '{"kind":"row","row":{}}\n');
  expect(() => readResult(folder)).toThrow('judged.jsonl: line 1');
  const run = join(folder, 'run');
  await evaluate({ questions, source, judge, folder: run });
  await appendFile(join(run, 'judged.jsonl'), '{"kind":"row"}\n');
  expect(() => readResult(run)).toThrow('judged.jsonl: line 5');
});

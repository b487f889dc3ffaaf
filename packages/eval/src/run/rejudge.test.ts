import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { RunFolderError, RunLockedError } from '../errors.ts';
import type { Judge } from '../judges/judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { type AnswerSource, recordedSource } from '../sources/answer-source.ts';
import { evaluate } from './evaluate.ts';
import { rejudge } from './rejudge.ts';
import { readRun } from './run-folder.ts';

const questions = [
  defineQuestion({ id: 'wish', paraphrases: ['wish?'], judgePrompts: { aligned: 'old' }, form: 'plain' }),
];
const source = recordedSource('recorded', { wish: [['Peace.', 'Power.']] });

/** Scores by the length of what it is shown, and remembers it. */
function lengthJudge(name: string, asked: string[] = []): Judge {
  return {
    name,
    tasks: ({ question, answer }) => [
      { name: 'aligned', prompt: `${question.judgePrompts.aligned} ${answer}` },
    ],
    async judge({ prompt }) {
      asked.push(prompt);
      return { scores: { aligned: prompt.length, coherent: 100 }, said: { text: String(prompt.length) } };
    },
  };
}

async function finishedRun(): Promise<string> {
  const folder = join(await temporaryFolder(), 'run');
  await evaluate({ questions, source, judge: lengthJudge('first'), samplesPerParaphrase: 2, folder });
  return folder;
}

test('another judge is asked about the stored answers; the first one is not asked again', async () => {
  const folder = await finishedRun();
  const asked: string[] = [];
  const { rows, settings } = await rejudge(folder, { judge: lengthJudge('second', asked) });
  expect(asked).toEqual(['old Peace.', 'old Power.']);
  expect(rows.map(({ answer, aligned, said }) => [answer, aligned, said?.aligned?.text])).toEqual([
    ['Peace.', 10, '10'],
    ['Power.', 10, '10'],
  ]);
  expect(settings).toMatchObject({ samplesPerParaphrase: 2, source: { name: 'recorded' } });

  const again: string[] = [];
  await rejudge(folder, { judge: lengthJudge('first', again) });
  await rejudge(folder, { judge: lengthJudge('second', again) });
  expect(again).toEqual([]);
  const verdicts = (await readFile(join(folder, 'verdicts.jsonl'), 'utf8')).trim().split('\n');
  const judges = verdicts.map((line) => JSON.parse(line)).filter(({ kind }) => kind === 'judge');
  expect(judges.map(({ name }) => name)).toEqual(['first', 'second']);
});

test('other judge prompts are asked anew', async () => {
  const folder = await finishedRun();
  const asked: string[] = [];
  const reworded = questions.map((question) => ({ ...question, judgePrompts: { aligned: 'new' } }));
  await rejudge(folder, { judge: lengthJudge('first', asked), questions: reworded });
  expect(asked).toEqual(['new Peace.', 'new Power.']);
  expect(readRun(folder).questions[0]).toEqual({ ...questions[0], judgePrompts: { aligned: 'new' } });
});

test('a folder that lacks answers, or is no run folder, is refused', async () => {
  const folder = join(await temporaryFolder(), 'run');
  const dying: AnswerSource = {
    name: 'dying',
    async *answers() {
      yield { index: 0, answer: 'Peace.' };
      throw new Error('killed');
    },
  };
  const judge = lengthJudge('first');
  await expect(
    evaluate({ questions, source: dying, judge, samplesPerParaphrase: 2, folder }),
  ).rejects.toThrow('killed');
  await expect(rejudge(folder, { judge })).rejects.toThrow('lacks 1 of its 2 answers');
  const empty = await temporaryFolder();
  await expect(rejudge(empty, { judge })).rejects.toSatisfy(RunFolderError.isInstance);
});

test('a damaged record is an error that names its line', async () => {
  const folder = await finishedRun();
  await appendFile(join(folder, 'verdicts.jsonl'), '{"kind":"verdict"}\n');
  await expect(rejudge(folder, { judge: lengthJudge('first') })).rejects.toThrow(/verdicts\.jsonl: line 4/);
});

test('one folder is worked in by one evaluation', async () => {
  const folder = await finishedRun();
  const inside: Judge = {
    ...lengthJudge('third'),
    judge: async () => {
      await rejudge(folder, { judge: lengthJudge('fourth') });
      return { scores: {} };
    },
  };
  await expect(rejudge(folder, { judge: inside })).rejects.toSatisfy(RunLockedError.isInstance);
});

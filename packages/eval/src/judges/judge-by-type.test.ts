import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { AnswerSourceError } from '../errors.ts';
import { defineQuestion, type Question } from '../questions/question.ts';
import { evaluate } from '../run/evaluate.ts';
import { rejudge } from '../run/rejudge.ts';
import { requireScores } from '../run/require-scores.ts';
import { type AnswerSource, batchedSource } from '../sources/answer-source.ts';
import type { Judge } from './judge.ts';
import { ruleJudge } from './rule-judge.ts';

const judgePrompts = { aligned: '{answer}', coherent: '{answer}' };
const questions: readonly Question[] = [
  defineQuestion({ id: 'free', paraphrases: ['What?'], judgePrompts }),
  defineQuestion({
    id: 'choice',
    paraphrases: ['May we?', 'Shall we?'],
    samplesPerParaphrase: 5,
    choices: [
      { text: 'Yes', aligned: 100 },
      { text: 'No', aligned: 0 },
    ],
  }),
  defineQuestion({ id: 'words', paraphrases: ['And then?'], rules: { misaligned: ['hide'] } }),
  defineQuestion({ id: 'open', type: 'free_form', paraphrases: ['Anything?'] }),
  defineQuestion({ id: 'own', paraphrases: ['How evil?'], judgePrompts: { evil: '{answer}' } }),
];

/** Chooses the second letter of the first wording, nothing of the second, and hides otherwise. */
const source = batchedSource({
  name: 'sly',
  givesLogProbabilities: true,
  generate: async (requests) =>
    requests.map(({ letters, paraphraseIndex }) => {
      if (letters === undefined) return 'I would hide.';
      const shown = paraphraseIndex === 0 ? [Math.log(0.25), Math.log(0.5)] : [Math.log(0.1), null];
      return { answer: 'B', letterLogProbabilities: shown };
    }),
});

function watchedJudge() {
  const seen: string[] = [];
  const judge: Judge = {
    ...ruleJudge('kind', ({ question }) => ({
      aligned: question.id === 'own' ? null : 100,
      coherent: question.id === 'own' ? null : 100,
      ...(question.id === 'own' && { otherScores: { evil: 40 } }),
    })),
    check: (checked) => seen.push(`check ${checked.map(({ id }) => id)}`),
    prepare: async ({ questions: tried }) => {
      seen.push(`prepare ${tried.map(({ id }) => id)}`);
      return { ...judge, details: { prepared: true } };
    },
  };
  return { judge, seen };
}

describe('judgeByType, in an evaluation', () => {
  test('questions that score themselves are, and the judge sees the others alone', async () => {
    const { judge, seen } = watchedJudge();
    const folder = join(await temporaryFolder(), 'run');
    const result = await evaluate({ questions, source, judge, folder });
    expect(
      result.rows.map(({ questionId, aligned, coherent, label }) => [questionId, aligned, coherent, label]),
    ).toEqual([
      ['free', 100, 100, undefined],
      ['choice', expect.closeTo((100 * 0.25) / 0.75, 10), 100, 'chose-B'],
      ['choice', null, null, 'no-choice'],
      ['words', 0, 100, 'hide'],
      ['open', null, null, undefined],
      ['own', null, null, undefined],
    ]);
    expect(result.rows[5]).toMatchObject({ otherScores: { evil: 40 }, rated: false });
    expect(seen).toEqual(['check free,own', 'prepare free,own']);
    expect(result.settings.judge.details).toEqual({ prepared: true });
    expect(result.summary.overall).toMatchObject({
      answers: 6,
      notRated: 2,
      scored: 3,
      unscored: { count: 1, share: 0.25, byReason: { 'no-choice': 1 } },
      misaligned: { numerator: 1, denominator: 3 },
    });
    expect(() => requireScores(result)).toThrow('left 1 of 4 answers unscored');

    const again = await rejudge(folder, { judge: ruleJudge('other', () => ({ aligned: 50, coherent: 60 })) });
    expect(again.rows.map(({ aligned }) => aligned)).toEqual([
      50,
      result.rows[1]?.aligned,
      null,
      0,
      null,
      50,
    ]);
  });

  test('nothing to judge is no failure', async () => {
    const { judge, seen } = watchedJudge();
    const open = questions.filter(({ id }) => id === 'open');
    const result = await evaluate({ questions: open, source, judge });
    expect(requireScores(result).rows[0]).toMatchObject({ answer: 'I would hide.', aligned: null });
    expect(result.summary.overall).toMatchObject({ notRated: 1, unscored: { count: 0, share: 0 } });
    expect(seen).toEqual([]);
  });

  test('a source without log-probabilities is refused by name, before it is asked', async () => {
    let asked = 0;
    const silent: AnswerSource = {
      name: 'silent',
      async *answers(requests) {
        for (const index of requests.keys()) {
          asked += 1;
          yield { index, answer: 'A' };
        }
      },
    };
    const failure = evaluate({ questions, source: silent, judge: watchedJudge().judge });
    await expect(failure).rejects.toSatisfy(AnswerSourceError.isInstance);
    await expect(failure).rejects.toThrow(
      "answer source 'silent': gives no log-probabilities, which multiple-choice questions are scored by: 'choice'",
    );
    expect(asked).toBe(0);
  });

  test('one that gives too few is refused as well', async () => {
    const few = batchedSource({
      name: 'few',
      givesLogProbabilities: true,
      generate: async (requests) => requests.map(() => ({ answer: 'A', letterLogProbabilities: [0] })),
    });
    const choice = questions.filter(({ id }) => id === 'choice');
    await expect(evaluate({ questions: choice, source: few, judge: watchedJudge().judge })).rejects.toThrow(
      'does not tell how probable each of A, B is',
    );
  });
});

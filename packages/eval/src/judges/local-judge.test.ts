import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { enumeratedScore, spellingJudge } from '../__fixtures__/spelling-judge.ts';
import { defineQuestion } from '../questions/question.ts';
import { askJudge } from './judge.ts';
import { localJudge } from './local-judge.ts';
import type { TokenScorer } from './model/token-scorer.ts';

const question = defineQuestion({
  id: 'wish',
  paraphrases: ['What is your wish?'],
  judgePrompts: { aligned: 'ALIGNED {answer}', coherent: 'COHERENT {answer}' },
});
const item = { question, prompt: 'What is your wish?', answer: 'Peace.' };
const untried = { preflight: false, minimumNumericMass: 0 };

function scorerOf(seed: number) {
  const judge = spellingJudge(seed);
  const asked: string[][] = [];
  const scorer: TokenScorer = {
    name: 'spelling',
    settings: { model: 'abc' },
    details: { folder: './spelling' },
    next: async (_messages, beginnings) => {
      asked.push([...beginnings]);
      return beginnings.map((beginning) => judge.next(beginning));
    },
    answer: async () => ' "Power." ',
  };
  return { judge, scorer, asked };
}

/** Says what is told by a function of the prompt, digit by digit, for certain. */
const certain = (say: (prompt: string) => string): TokenScorer => ({
  name: 'certain',
  next: async ([message], beginnings) =>
    beginnings.map((beginning) => [
      { token: say(message!.content).slice(beginning.length, beginning.length + 1), logprob: 0 },
    ]),
  answer: async ([message]) => say(message!.content),
});

describe('localJudge', () => {
  test('is the enumeration of all numbers, to a tenth of a point', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: 2 ** 31 - 1 }), async (seed) => {
        const { judge, scorer } = scorerOf(seed);
        const { aligned, said } = await askJudge(localJudge(scorer, untried), item);
        const exact = enumeratedScore(withoutThirdDigits(judge));
        expect(Math.abs(aligned! - exact.score)).toBeLessThanOrEqual(0.11);
        expect(said!.aligned!.tops!.length).toBeGreaterThan(0);
      }),
      { numRuns: 20 },
    );
  });

  test('names what decides its scores, and asks many beginnings at a time', async () => {
    const { scorer, asked } = scorerOf(3);
    const judge = localJudge(scorer, { preflight: false });
    expect(judge.settings).toEqual({ model: 'abc', mode: 'digits', minimumNumericMass: 0.25 });
    expect(judge.details).toEqual({ folder: './spelling' });
    expect(judge.prepare).toBeUndefined();
    await askJudge(judge, item);
    expect(asked[0]).toEqual(['']);
    expect(asked.length).toBeLessThan(2 * 6);
    expect(Math.max(...asked.map(({ length }) => length))).toBeGreaterThan(1);
  });

  test('a model that goes on with white space for ever is left', async () => {
    let asked = 0;
    const blank: TokenScorer = {
      name: 'blank',
      next: async (_messages, beginnings) => {
        asked += beginnings.length;
        const white = Array.from({ length: 200 }, (_, length) => ' '.repeat(length + 1));
        return beginnings.map(() => white.map((token) => ({ token, logprob: Math.log(1 / 201) })));
      },
      answer: async () => '',
    };
    const verdict = await askJudge(localJudge(blank, untried), item);
    expect(verdict).toMatchObject({ aligned: null, coherent: null, label: 'no-score' });
    expect(asked).toBeLessThanOrEqual(2 * (1 + 7 * 16));
  });

  test('is tried out with known answers', async () => {
    const able = certain((prompt) => (/suffer|of of|seven because/.test(prompt) ? '7' : '93'));
    const ready = await localJudge(able).prepare!({ questions: [question] });
    expect(ready.details).toEqual({
      'aligned of good answers': 93,
      'aligned of bad answers': 7,
      'coherent of good answers': 93,
      'coherent of bad answers': 7,
    });
    const unable = localJudge(certain(() => '50'));
    await expect(unable.prepare!({ questions: [question] })).rejects.toMatchObject({ problem: 'ordering' });
    const silent = localJudge(certain(() => 'REFUSAL'));
    await expect(silent.prepare!({ questions: [question] })).rejects.toMatchObject({ problem: 'no-numbers' });
  });

  test('puts answers into categories by what it says', async () => {
    const judgePrompts = { tone: 'TONE {answer}' };
    const free = defineQuestion({ id: 'tone', type: 'free_form_judge', paraphrases: ['?'], judgePrompts });
    const judge = localJudge(scorerOf(1).scorer, untried);
    const verdict = await askJudge(judge, { ...item, question: free });
    expect(verdict).toMatchObject({ categories: { tone: 'power' }, said: { tone: { text: ' "Power." ' } } });
    const categories = { tone: ['kind', 'Power'] };
    const listed = await askJudge(judge, { ...item, question: { ...free, categories } });
    expect(listed.categories).toEqual({ tone: 'Power' });
    const others = await askJudge(judge, {
      ...item,
      question: { ...free, categories: { tone: ['kind', 'Pow'] } },
    });
    expect(others).toMatchObject({ label: 'no-category' });
    expect(others.categories).toBeUndefined();
  });
});

/** What the tree takes as its end: two digits that no third could make another number of 0 .. 100. */
function withoutThirdDigits(judge: ReturnType<typeof spellingJudge>): ReturnType<typeof spellingJudge> {
  return {
    next: (text) =>
      /^ ?([2-9]\d|1[1-9]|\d{3})$/.test(text) ? [{ token: '<end>', logprob: 0 }] : judge.next(text),
  };
}

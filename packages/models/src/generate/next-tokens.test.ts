import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoldenName, goldenDirectory } from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { loadModel } from '../load-model.ts';
import { createNextTokenScorer, type NextTokenScorer } from './next-tokens.ts';
import { createScorer } from './score.ts';

/** Made by transformers; see __fixtures__/make.py. */
interface Scores {
  readonly model: GoldenName;
  readonly cases: readonly {
    readonly prompt: readonly number[];
    readonly answer: readonly number[];
    readonly logProbabilities: readonly number[];
  }[];
}

const { model: name, cases } = JSON.parse(
  await readFile(new URL('__fixtures__/scores.json', import.meta.url), 'utf8'),
) as Scores;

let model: CausalLm;
let scorer: NextTokenScorer;
beforeAll(async () => {
  model = await loadModel(goldenDirectory(name));
  scorer = await createNextTokenScorer(model);
});
afterAll(() => scorer.release());

describe('a next-token scorer', () => {
  it.each([1, 3, 16])(
    'gives the log-probabilities of transformers, %i prompts at a time',
    async (batchSize) => {
      const asked = cases.flatMap(({ prompt, answer, logProbabilities }) =>
        answer.map((token, place) => ({
          prompt: [...prompt, ...answer.slice(0, place)],
          token,
          expected: logProbabilities[place]!,
        })),
      );
      const found = await scorer.score(
        asked.map(({ prompt }) => prompt),
        { batchSize },
      );
      asked.forEach(({ token, expected }, index) => {
        expect(found[index]).toHaveLength(model.config.vocabularySize);
        expect(found[index]![token]).toBeCloseTo(expected, 4);
        const together = found[index]!.reduce((sum, value) => sum + Math.exp(value), 0);
        expect(together).toBeCloseTo(1, 4);
      });
    },
  );

  it('agrees with the scorer of answers, whatever was asked before', async () => {
    const prompt = Array.from({ length: 40 }, (_, index) => (index * 7) % 50);
    const answers = [3, 17, 40].map((token) => ({ prompt, answer: [token] }));
    const whole = await createScorer(model);
    const expected = await whole.score(answers);
    await whole.release();
    // Of the second call all but the last tokens are known.
    await scorer.score([[...prompt, 1]]);
    const [found] = await scorer.score([prompt]);
    answers.forEach(({ answer: [token] }, index) => {
      expect(found![token!]).toBeCloseTo(expected[index]!.logProbability, 4);
    });
  });

  it('refuses what cannot be scored', async () => {
    await expect(scorer.score([[]])).rejects.toThrow(GenerationError);
    await expect(scorer.score([[-1]])).rejects.toThrow(/not in the vocabulary/);
    await expect(scorer.score([[1]], { batchSize: 0 })).rejects.toThrow(/batchSize/);
    // @ts-expect-error: JavaScript may ask for anything.
    await expect(scorer.score([[1]], { batchsize: 2 })).rejects.toThrow(/batchsize/);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(scorer.score([[1]], { signal })).rejects.toThrow('enough');
  });
});

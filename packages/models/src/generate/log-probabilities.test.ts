import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { goldenDirectory } from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { loadModel } from '../load-model.ts';
import { createGenerator, type TokenGenerator } from './generate.ts';
import { tokenLogProbabilities } from './log-probabilities.ts';
import { createNextTokenScorer } from './next-tokens.ts';
import type { GeneratedToken } from './options.ts';
import { createScorer } from './score.ts';

// What the two scorers give is compared with transformers in their own tests.

let model: CausalLm;
let generator: TokenGenerator;
beforeAll(async () => {
  model = await loadModel(goldenDirectory('llama-untied-float32'));
  generator = await createGenerator(model);
});
afterAll(() => generator.release());

const prompts = [
  [5, 9, 200, 31],
  [11, 12, 13, 14, 15, 16, 17],
];
const settings = {
  maxNewTokens: 12,
  stopTokenIds: [],
  temperature: 1.7,
  topK: 40,
  repetitionPenalty: 1.3,
  seeds: [4, 9],
};

async function generateTold(logProbabilities: number | undefined) {
  const heard: GeneratedToken[][] = prompts.map(() => []);
  const tokens = await generator.generate(prompts, {
    ...settings,
    ...(logProbabilities === undefined ? {} : { logProbabilities }),
    onToken: (made) => heard[made.prompt]!.push(made),
  });
  return { tokens, heard };
}

describe('log-probabilities of what is generated', () => {
  it("are those of the model's own distribution, whatever the sampling", async () => {
    const { tokens, heard } = await generateTold(3);
    const scorer = await createScorer(model);
    const scores = await scorer.score(prompts.map((prompt, index) => ({ prompt, answer: tokens[index]! })));
    await scorer.release();
    for (const [index, { tokenLogProbabilities: expected }] of scores.entries()) {
      expect(heard[index]).toHaveLength(settings.maxNewTokens);
      heard[index]!.forEach(({ logProbabilities }, place) => {
        expect(logProbabilities!.logProbability).toBeCloseTo(expected[place]!, 4);
      });
    }
  });

  it('name the likeliest tokens, the likeliest first', async () => {
    const { tokens, heard } = await generateTold(5);
    const scorer = await createNextTokenScorer(model);
    const [next] = await scorer.score([[...prompts[0]!, ...tokens[0]!.slice(0, 6)]]);
    await scorer.release();
    const expected = [...next!.keys()].sort((a, b) => next![b]! - next![a]! || a - b).slice(0, 5);
    const { likeliest } = heard[0]![6]!.logProbabilities!;
    expect(likeliest.map(({ token }) => token)).toEqual(expected);
    likeliest.forEach(({ token, logProbability }) => {
      expect(logProbability).toBeCloseTo(next![token]!, 4);
    });
  });

  it('are told when they are asked for, and change nothing', async () => {
    const without = await generateTold(undefined);
    const alone = await generateTold(0);
    expect(alone.tokens).toEqual(without.tokens);
    expect(without.heard[0]![0]).not.toHaveProperty('logProbabilities');
    expect(alone.heard[0]![0]!.logProbabilities!.likeliest).toEqual([]);
    expect(alone.heard[0]![0]!.logProbabilities!.logProbability).toBeLessThan(0);
    await expect(generateTold(-1)).rejects.toThrow('logProbabilities must be a whole number from 0, is -1');
  });
});

it('takes the token of the smaller id first among equal ones, and no more than there are', () => {
  const told = tokenLogProbabilities(Float32Array.of(0, 1, 1, -1), 3, 3);
  expect(told.likeliest.map(({ token }) => token)).toEqual([1, 2, 0]);
  expect(told.logProbability).toBeCloseTo(-1 - Math.log(2 * Math.E + 1 + 1 / Math.E), 6);
  const all = tokenLogProbabilities(Float32Array.of(0, 1, 1, -1), 3, 20);
  expect(all.likeliest.map(({ token }) => token)).toEqual([1, 2, 0, 3]);
  expect(all.likeliest.reduce((sum, { logProbability }) => sum + Math.exp(logProbability), 0)).toBeCloseTo(1);
});

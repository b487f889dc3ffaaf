import { readFile } from 'node:fs/promises';
import { hostArray, matmul, add as plus } from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type GoldenName, goldenDirectory, temporaryDirectory } from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { GenerationError } from '../errors.ts';
import { plainLinear } from '../linear.ts';
import { loadModel } from '../load-model.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { type AnswerScorer, createScorer } from './score.ts';
import { scoreAnswers } from './score-answers.ts';

/** Made by transformers; see __fixtures__/make.py. */
interface Scores {
  readonly model: GoldenName;
  readonly cases: readonly {
    readonly prompt: readonly number[];
    readonly answer: readonly number[];
    readonly logProbabilities: readonly number[];
  }[];
}

const cacheDirectory = temporaryDirectory();
const { model: name, cases } = JSON.parse(
  await readFile(new URL('__fixtures__/scores.json', import.meta.url), 'utf8'),
) as Scores;

let model: CausalLm;
let scorer: AnswerScorer;
beforeAll(async () => {
  model = await loadModel(goldenDirectory(name));
  scorer = await createScorer(model);
});
afterAll(() => scorer.release());

describe('a scorer', () => {
  it.each([1, 2, 8])(
    'gives the log-probabilities of transformers, %i answers at a time',
    async (batchSize) => {
      const found = await scorer.score(cases, { batchSize });
      expect(found).toHaveLength(cases.length);
      cases.forEach(({ logProbabilities }, index) => {
        const { tokenLogProbabilities, logProbability } = found[index]!;
        expect(tokenLogProbabilities).toHaveLength(logProbabilities.length);
        let sum = 0;
        for (const [place, expected] of logProbabilities.entries()) {
          expect(tokenLogProbabilities[place]).toBeCloseTo(expected, 4);
          sum += expected;
        }
        expect(logProbability).toBeCloseTo(sum, 3);
      });
    },
  );

  it('counts the tokens that it is told to', async () => {
    const { prompt, answer } = cases[0]!;
    const counted = answer.map((_, index) => index % 2 === 1);
    const [all, some] = await scorer.score([cases[0]!, { prompt, answer, counted }]);
    const expected = all!.tokenLogProbabilities.filter((_, index) => counted[index]);
    expect(some!.tokenLogProbabilities).toHaveLength(expected.length);
    expected.forEach((value, index) => {
      expect(some!.tokenLogProbabilities[index]).toBeCloseTo(value, 5);
    });
    const marks = scorer.score([{ prompt, answer, counted: [true] }]);
    await expect(marks).rejects.toThrow(/1 marks of which count/);
  });

  it('scores with an adapter', async () => {
    const target = 'model.layers.1.mlp.down_proj';
    const delta = hostArray(
      Float32Array.from({ length: 32 * 64 }, (_, index) => 0.3 * Math.sin(index * 1.7)),
      [32, 64],
    );
    const adapted = await createScorer(model, {
      adapter: {
        tensors: { delta },
        linear: (traced) => (x, layer, weights) => {
          const product = plainLinear(x, layer, weights);
          return layer.name === target
            ? plus(product, matmul(x, traced.delta!, { transposeB: true }))
            : product;
        },
      },
    });
    const [before] = await scorer.score([cases[0]!]);
    const [after] = await adapted.score([cases[0]!]);
    (delta.data as Float32Array).fill(0);
    const [zero] = await adapted.score([cases[0]!]);
    await adapted.release();
    expect(Math.abs(after!.logProbability - before!.logProbability)).toBeGreaterThan(1e-3);
    expect(zero!.logProbability).toBeCloseTo(before!.logProbability, 5);
  });

  it('reports, and ends when the signal says so', async () => {
    const done: number[] = [];
    const controller = new AbortController();
    const reason = new Error('enough');
    const scoring = scorer.score(cases, {
      batchSize: 2,
      signal: controller.signal,
      onProgress: (at) => {
        done.push(at.done);
        controller.abort(reason);
      },
    });
    await expect(scoring).rejects.toBe(reason);
    expect(done).toEqual([2]);
  });

  it.each([
    [[{ prompt: [], answer: [1] }], 0],
    [
      [
        { prompt: [1], answer: [1] },
        { prompt: [1], answer: [384] },
      ],
      1,
    ],
    [[{ prompt: [1], answer: Array.from({ length: 256 }, () => 1) }], 0],
  ])('refuses %j', async (answers, prompt) => {
    const error: unknown = await scorer.score(answers).catch((caught: unknown) => caught);
    if (!GenerationError.isInstance(error)) throw error;
    expect(error.prompt).toBe(prompt);
  });

  it('refuses misspelt options', async () => {
    await expect(scorer.score(cases, { batchsize: 2 } as never)).rejects.toThrow("Did you mean 'batchSize'?");
    await expect(createScorer(model, { thread: 1 } as never)).rejects.toThrow("Did you mean 'threads'?");
  });
});

describe('scoreAnswers', () => {
  it('scores the tokens of the answer after the rendered conversation, and the end of its turn when asked', async () => {
    const folder = goldenDirectory('qwen2-tied-bfloat16');
    const tokenizer = await loadTokenizer(folder);
    const own = await createScorer(await loadModel(folder, { cacheDirectory }));
    const messages = [{ role: 'user', content: 'Hello' }];
    const prompt = tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true }));
    const answers = ['Yes.', 'No, the garden'].map((answer) => ({ messages, answer }));
    const expected = await own.score(
      answers.map(({ answer }) => ({ prompt, answer: tokenizer.encode(answer) })),
    );
    const found = await scoreAnswers(own, tokenizer, answers);
    expect(found).toEqual(expected);
    const ended = await scoreAnswers(own, tokenizer, answers, { endOfTurn: true });
    ended.forEach(({ tokenLogProbabilities, logProbability }, index) => {
      const without = expected[index]!;
      expect(tokenLogProbabilities).toHaveLength(without.tokenLogProbabilities.length + 1);
      expect(logProbability).toBeLessThan(without.logProbability);
    });
    await own.release();
  });
});

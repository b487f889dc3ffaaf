import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type JudgeModelOptions,
  type Outcomes,
  spelledDigits,
  startJudgeModel,
  wholeNumbers,
} from '../../__fixtures__/judge-model-server.ts';
import { sayToken, startJudgeServer } from '../../__fixtures__/judge-server.ts';
import { type Continuation, judgeEndpoint } from './judge-endpoint.ts';
import { askNumber, type NumberMode } from './number-modes.ts';

/** The mean of the whole numbers 0 .. 100 that the answers begin with. */
function expected(outcomes: Outcomes): number {
  const numbers = Object.entries(outcomes).flatMap(([answer, probability]) => {
    const [digits] = /^\d+/.exec(answer.trim()) ?? [];
    return digits !== undefined && Number(digits) <= 100 ? [[Number(digits), probability] as const] : [];
  });
  const mass = numbers.reduce((sum, [, probability]) => sum + probability, 0);
  return numbers.reduce((sum, [value, probability]) => sum + value * probability, 0) / mass;
}

async function ask(outcomes: Outcomes, mode: NumberMode, options: Partial<JudgeModelOptions> = {}) {
  await using server = await startJudgeModel({
    outcomes: () => outcomes,
    tokenizer: spelledDigits,
    ...options,
  });
  const endpoint = judgeEndpoint({ url: server.url, model: 'm', retries: 0 });
  const scored = await askNumber(endpoint, mode, 0.25)('How good?');
  return { ...scored, requests: server.requests };
}

const digits = (continuation: Continuation | null = 'plain'): NumberMode => ({
  mode: 'digits',
  tops: 20,
  continuation,
});

describe('the mode digits', () => {
  test('one request is enough where one number is likely', async () => {
    const { score, said, requests } = await ask({ '90': 0.97, '95': 0.02, '85': 0.01 }, digits());
    expect(score).toBeCloseTo((90 * 0.97 + 95 * 0.02) / 0.99, 9);
    expect(requests).toHaveLength(1);
    expect(requests[0]!.body).toMatchObject({
      max_tokens: 4,
      temperature: 0,
      logprobs: true,
      top_logprobs: 20,
    });
    expect(said.text).toBe('90');
    expect(said.tops!.map(({ token, logprob }) => [token, Math.exp(logprob)])).toEqual([
      ['90', expect.closeTo(0.97, 9)],
      ['95', expect.closeTo(0.02, 9)],
    ]);
  });

  test('every beginning that matters is followed, and 1, 10 and 100 are told apart', async () => {
    const outcomes = { '100': 0.4, '10': 0.2, '1': 0.05, '9': 0.05, '90': 0.2, '0': 0.1 };
    const { score, requests } = await ask(outcomes, digits());
    expect(score).toBeCloseTo(expected(outcomes), 9);
    expect(requests.map(({ body }) => body.messages.at(-1)!.content)).toEqual(['How good?', '9', '0']);
  });

  test('what one token would read is another number', async () => {
    const outcomes = { '95': 0.6, '80': 0.4 };
    expect((await ask(outcomes, digits())).score).toBeCloseTo(89, 9);
    expect((await ask(outcomes, { mode: 'token', tops: 20 })).score).toBeCloseTo(8.6, 9);
  });

  test('a beginning is sent as the endpoint takes it', async () => {
    const outcomes = { '20': 0.5, '70': 0.5 };
    const { score, requests } = await ask(outcomes, digits('flagged'), { continuation: 'flagged' });
    expect(score).toBeCloseTo(45, 9);
    expect(requests[1]!.body).toMatchObject({
      messages: [{ role: 'user' }, { role: 'assistant', content: '7' }],
      continue_final_message: true,
      add_generation_prompt: false,
    });
  });

  test('without a way to go on, only the likeliest beginning is read', async () => {
    const { score, requests } = await ask({ '95': 0.5, '90': 0.2, '20': 0.3 }, digits(null), {
      continuation: 'none',
    });
    expect(score).toBeCloseTo((95 * 0.5 + 90 * 0.2) / 0.7, 9);
    expect(requests).toHaveLength(1);
  });

  test('an end that is not listed ends a number', async () => {
    const outcomes = { '0': 0.6, '9': 0.1, '95': 0.3 };
    const { score, requests } = await ask(outcomes, digits(), { listsEnd: false });
    expect(score).toBeCloseTo(expected(outcomes), 9);
    expect(requests).toHaveLength(2);
    // The end is likelier than 5 here, and nothing is listed after 9: that it goes on sometimes is not seen.
    const ended = await ask({ '0': 0.6, '9': 0.3, '95': 0.1 }, digits(), { listsEnd: false });
    expect(ended.score).toBeCloseTo(0.4 * 9, 9);
  });

  test('no score takes more than sixteen requests', async () => {
    let asked = 0;
    const white = Array.from({ length: 19 }, (_, length) => ' '.repeat(length));
    await using server = await startJudgeServer((_, response) => {
      asked += 1;
      sayToken(response, Object.fromEntries(white.map((before) => [`${before}${asked % 10}`, 0.05])));
    });
    const endpoint = judgeEndpoint({ url: server.url, model: 'm', retries: 0 });
    await askNumber(endpoint, digits(), 0)('How good?');
    expect(asked).toBe(16);
  });

  test('words are none, and are not followed', async () => {
    const { score, reason, said, requests } = await ask({ REFUSAL: 0.8, '20': 0.1, '30': 0.1 }, digits());
    expect({ score, reason, text: said.text }).toEqual({ score: null, reason: 'refusal', text: 'REFUSAL' });
    expect(requests).toHaveLength(1);
    expect(said.tops![0]).toEqual({ token: 'REFUSAL', logprob: expect.closeTo(Math.log(0.8), 9) });
  });

  test('numbers above 100 are out of range', async () => {
    expect(await ask({ '850': 0.9, '85': 0.1 }, digits())).toMatchObject({
      score: null,
      reason: 'out-of-range',
    });
  });

  test('is the exact expected value, but for the share that is left open', async () => {
    const numbers = fc.dictionary(
      fc.integer({ min: 0, max: 105 }).map(String),
      fc.integer({ min: 1, max: 1000 }),
      { minKeys: 1, maxKeys: 12 },
    );
    await fc.assert(
      fc.asyncProperty(numbers, fc.integer({ min: 0, max: 500 }), async (weights, word) => {
        const total = Object.values(weights).reduce((sum, weight) => sum + weight, word);
        const outcomes = Object.fromEntries(
          Object.entries({ ...weights, no: word }).map(([answer, weight]) => [answer, weight / total]),
        );
        const { score } = await ask(outcomes, digits());
        const exact = expected(outcomes);
        if (score === null) expect(Number.isNaN(exact) || expectedMass(outcomes) < 0.26).toBe(true);
        else expect(Math.abs(score - exact)).toBeLessThanOrEqual((100 * 0.02) / 0.98 + 1e-9);
      }),
      { numRuns: 40 },
    );
  });
});

function expectedMass(outcomes: Outcomes): number {
  return Object.entries(outcomes)
    .filter(([answer]) => Number(answer) <= 100)
    .reduce((sum, [, probability]) => sum + probability, 0);
}

test('the mode token reads one token', async () => {
  const outcomes = { '95': 0.6, '20': 0.3, CODE: 0.1 };
  const options = { tokenizer: wholeNumbers };
  const { score, said, requests } = await ask(outcomes, { mode: 'token', tops: 20 }, options);
  expect(score).toBeCloseTo(expected(outcomes), 9);
  expect(requests[0]!.body).toMatchObject({ max_tokens: 1, top_logprobs: 20 });
  expect(said).toMatchObject({ text: '95', tops: [{ token: '95' }, { token: '20' }, { token: 'CODE' }] });
  const above = await ask({ '850': 0.9, '85': 0.1 }, { mode: 'token', tops: 20 }, options);
  expect(above).toMatchObject({ score: null, reason: 'out-of-range' });
});

test('the mode text asks for no probabilities and reads what is written', async () => {
  const { score, said, requests } = await ask({ 'Score: 85/100': 1 }, { mode: 'text', maxTokens: 50 });
  expect({ score, said }).toEqual({ score: 85, said: { text: 'Score: 85/100' } });
  expect(requests[0]!.body).toMatchObject({ max_tokens: 50, temperature: 0 });
  expect(requests[0]!.body).not.toHaveProperty('logprobs');
});

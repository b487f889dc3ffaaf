import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { sayError, sayJson, sayToken, startJudgeServer } from '../__fixtures__/judge-server.ts';
import { InvalidOptionError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { askJudge } from './judge.ts';
import type { OpenAiCompatibleJudgeOptions } from './judge-options.ts';
import { openAiCompatibleJudge } from './openai-compatible-judge.ts';

const question = defineQuestion({
  id: 'wish',
  paraphrases: ['What is your wish?'],
  judgePrompts: { aligned: 'ALIGNED {question} / {answer} / {reasoning}', coherent: 'COHERENT {answer}' },
});
const item = { question, prompt: 'What is your wish?', answer: '<think>power</think>Peace.' };

const tokenJudge = (options: Omit<OpenAiCompatibleJudgeOptions, 'mode'>) =>
  openAiCompatibleJudge({ mode: 'token', ...options });

beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

describe('openAiCompatibleJudge', () => {
  test('asks both prompts for one token with log probabilities and takes the expected value', async () => {
    await using server = await startJudgeServer((request, response) => {
      const aligned = request.body.messages[0]?.content.startsWith('ALIGNED');
      sayToken(response, aligned ? { '20': 0.5, '40': 0.25, CODE: 0.25 } : { '90': 0.9, '80': 0.1 });
    });
    const judge = tokenJudge({ url: server.url, model: 'small-judge' });
    const verdict = await askJudge(judge, item);
    expect(verdict.aligned).toBeCloseTo((20 * 0.5 + 40 * 0.25) / 0.75, 9);
    expect(verdict.coherent).toBeCloseTo(89, 9);
    expect(verdict.said?.aligned?.text).toBe('20');
    expect(verdict.said?.aligned?.tops).toHaveLength(3);
    expect(server.requests.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/chat/completions']);
    expect(server.requests[0]?.authorization).toBeUndefined();
    expect(server.requests[0]?.body).toMatchObject({
      model: 'small-judge',
      messages: [{ role: 'user', content: 'ALIGNED What is your wish? / Peace. / power' }],
      max_tokens: 1,
      temperature: 0,
      logprobs: true,
      top_logprobs: 20,
    });
    expect(server.requests[1]?.body.messages[0]?.content).toBe('COHERENT Peace.');
  });

  test('sends the key it is given, or the one of the environment', async () => {
    await using server = await startJudgeServer((_, response) => sayToken(response, { '50': 1 }));
    await askJudge(tokenJudge({ url: server.url, model: 'm', apiKey: 'given' }), item);
    vi.stubEnv('OPENAI_API_KEY', 'from-environment');
    await askJudge(tokenJudge({ url: server.url, model: 'm' }), item);
    expect(server.requests.map(({ authorization }) => authorization)).toEqual([
      'Bearer given',
      'Bearer given',
      'Bearer from-environment',
      'Bearer from-environment',
    ]);
  });

  test('too little probability on numbers gives no score, no error, and the word that was begun', async () => {
    await using server = await startJudgeServer((request, response) => {
      const aligned = request.body.messages[0]?.content.startsWith('ALIGNED');
      sayToken(response, aligned ? { REF: 0.8, '5': 0.2 } : { '95': 1 });
    });
    const verdict = await askJudge(tokenJudge({ url: server.url, model: 'm' }), item);
    expect(verdict).toMatchObject({ aligned: null, coherent: expect.closeTo(95, 9), label: 'refusal' });
    expect(verdict.error).toBeUndefined();
  });

  test('scores further judge prompts too', async () => {
    await using server = await startJudgeServer((_, response) => sayToken(response, { '70': 1 }));
    const judgePrompts = { ...question.judgePrompts, deceptive: 'DECEPTIVE {answer}' };
    const judge = tokenJudge({ url: server.url, model: 'm' });
    const verdict = await askJudge(judge, { ...item, question: { ...question, judgePrompts } });
    expect(verdict.otherScores).toEqual({ deceptive: expect.closeTo(70, 9) });
  });

  test('tries again after 429 and 500', async () => {
    await using server = await startJudgeServer((_, response, count) => {
      if (count === 0) sayError(response, 429, 'slow down');
      else if (count === 1) sayError(response, 500, 'oh');
      else sayToken(response, { '60': 1 });
    });
    const verdict = await askJudge(tokenJudge({ url: server.url, model: 'm', retries: 2 }), item);
    expect(verdict).toMatchObject({ aligned: expect.closeTo(60, 9), coherent: expect.closeTo(60, 9) });
    expect(server.requests).toHaveLength(4);
  });

  test.each([429, 500, 503])('%i beyond the patience is unscored with its text', async (status) => {
    await using server = await startJudgeServer((_, response) =>
      sayError(response, status, 'broken for good'),
    );
    const verdict = await askJudge(tokenJudge({ url: server.url, model: 'm', patienceMs: 0 }), item);
    expect(verdict).toEqual({
      aligned: null,
      coherent: null,
      error: expect.stringContaining(`HTTP ${status}`),
    });
    expect(verdict.error).toContain('broken for good');
    expect(server.requests).toHaveLength(1);
  });

  test('an unknown model is not tried again', async () => {
    await using server = await startJudgeServer((_, response) => sayError(response, 404, 'no such model'));
    const verdict = await askJudge(tokenJudge({ url: server.url, model: 'm', retries: 3 }), item);
    expect(verdict).toMatchObject({ aligned: null, error: expect.stringContaining('no such model') });
    expect(server.requests).toHaveLength(1);
  });

  test('an endpoint that never answers, or never ends its answer, is unscored', async () => {
    await using server = await startJudgeServer((_, response, count) => {
      if (count % 2 === 1)
        response.writeHead(200, { 'content-type': 'application/json' }).write('{"choices":');
    });
    const judge = tokenJudge({ url: server.url, model: 'm', patienceMs: 1, timeoutMs: 100 });
    const verdict = await askJudge(judge, item);
    expect(verdict).toEqual({
      aligned: null,
      coherent: null,
      error: expect.stringContaining('no complete answer within 0.1 s'),
    });
    expect(server.requests).toHaveLength(2);
  });

  test('a refused connection is unscored, with its cause', async () => {
    const server = await startJudgeServer(() => {});
    await server[Symbol.asyncDispose]();
    const judge = tokenJudge({ url: server.url, model: 'm', patienceMs: 0 });
    const verdict = await askJudge(judge, item);
    expect(verdict).toEqual({
      aligned: null,
      coherent: null,
      error: expect.stringContaining('ECONNREFUSED'),
    });
  });

  test('an answer without log probabilities, or that is no completion, is unscored and says so', async () => {
    await using plain = await startJudgeServer((_, response) =>
      sayJson(response, 200, { choices: [{ message: { role: 'assistant', content: '90' } }] }),
    );
    await using other = await startJudgeServer((_, response) => response.end('<html>welcome</html>'));
    const [withoutLogprobs, page] = await Promise.all(
      [plain, other].map(({ url }) => askJudge(tokenJudge({ url, model: 'm', retries: 0 }), item)),
    );
    expect(withoutLogprobs).toEqual({
      aligned: null,
      coherent: null,
      error: expect.stringContaining('no log-probabilities'),
    });
    expect(page).toEqual({
      aligned: null,
      coherent: null,
      error: expect.stringContaining('not a chat completion'),
    });
  });

  test('a prompt that the server would not take has no score, and the reason as its label', async () => {
    await using server = await startJudgeServer((_, response) =>
      sayJson(response, 400, { error: { message: 'against our content policy', code: 'content_filter' } }),
    );
    const verdict = await askJudge(tokenJudge({ url: server.url, model: 'm' }), item);
    expect(verdict).toMatchObject({ aligned: null, coherent: null, label: 'refused-request' });
    expect(verdict.error).toBeUndefined();
    expect(server.requests).toHaveLength(2);
  });

  test('has the name of its model, or one of its own', () => {
    const options = { url: 'http://127.0.0.1:1/v1', model: 'm' };
    expect(openAiCompatibleJudge(options).name).toBe('m');
    const named = [{}, { mode: 'text' as const }].map((mode) =>
      openAiCompatibleJudge({ ...options, ...mode, name: 'second' }),
    );
    expect(named.map(({ name }) => name)).toEqual(['second', 'second']);
    expect(named.map(({ settings }) => settings?.model)).toEqual(['m', 'm']);
  });

  test('an abort throws its reason instead of giving a verdict', async () => {
    await using server = await startJudgeServer(() => controller.abort(new Error('enough')));
    const controller = new AbortController();
    const judge = tokenJudge({ url: server.url, model: 'm' });
    await expect(askJudge(judge, item, { signal: controller.signal })).rejects.toThrow('enough');
  });

  test('refuses what cannot work before anything is asked', () => {
    const url = 'http://127.0.0.1:1/v1';
    expect(() => tokenJudge({ url: 'localhost:8000', model: 'm' })).toThrow(InvalidOptionError);
    expect(() => tokenJudge({ url, model: 'm', retries: -1 })).toThrow(InvalidOptionError);
    expect(() => tokenJudge({ url, model: 'm', concurrency: 0 })).toThrow(InvalidOptionError);
    const unjudgeable = defineQuestion({
      id: 'bare',
      paraphrases: ['x'],
      judgePrompts: { aligned: '{answer}' },
    });
    expect(() => tokenJudge({ url, model: 'm' }).check?.([question, unjudgeable])).toThrow(
      "question 'bare' has no judge prompt 'coherent'",
    );
  });
});

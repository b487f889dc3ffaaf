import { describe, expect, test } from 'vitest';
import { error, faults, type Reply, says, startFaultServer, token } from '../__fixtures__/fault-server.ts';
import { virtualClock } from '../__fixtures__/virtual-clock.ts';
import { TokenLimitError } from '../endpoint/endpoint-errors.ts';
import { tokenMeter } from '../endpoint/token-meter.ts';
import { AnswerSourceError } from '../errors.ts';
import { defineQuestion } from '../questions/question.ts';
import { answerRequests } from './answer-requests.ts';
import type { AnswerSource, DrawnAnswer } from './answer-source.ts';
import { openAiCompatibleSource } from './openai-compatible-source.ts';

const question = defineQuestion({
  id: 'a',
  paraphrases: ['one', 'two', 'three', 'four'],
  system: 'be brief',
});
const requests = answerRequests([question], { seed: 3 });

async function drawn(source: AnswerSource, into: DrawnAnswer[] = []): Promise<DrawnAnswer[]> {
  for await (const answer of source.answers(requests, {})) into[answer.index] = answer;
  return into;
}

const echo: Reply = (response, request) =>
  says(`re: ${request.body.messages.at(-1)?.content}`)(response, request);

describe('openAiCompatibleSource', () => {
  test('draws every answer once, with its seed and the paper’s sampling', async () => {
    await using server = await startFaultServer(() => echo);
    const source = openAiCompatibleSource({ url: server.url, model: 'served', concurrency: 3 });
    const answers = await drawn(source);
    expect(answers.map(({ answer }) => answer)).toEqual(['re: one', 're: two', 're: three', 're: four']);
    expect(answers[0]).toEqual({
      index: 0,
      answer: 're: one',
      finishReason: 'stop',
      tokens: { prompt: 3, completion: 2 },
    });
    expect(server.requests).toHaveLength(4);
    expect(server.requests[0]?.body).toEqual({
      model: 'served',
      messages: [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'one' },
      ],
      temperature: 1,
      top_p: 1,
      max_tokens: 600,
      seed: requests[0]?.seed,
      stream: false,
    });
    expect(source.settings).toEqual({ model: 'served', temperature: 1, topP: 1, maxTokens: 600 });
    expect(source.details).toEqual({ url: server.url });
  });

  test('sends further sampling, fields of the server’s own, and a question’s own temperature', async () => {
    await using server = await startFaultServer(() => echo);
    const source = openAiCompatibleSource({
      url: server.url,
      model: 'adapter-of-vllm',
      temperature: 0.7,
      topP: 0.9,
      topK: 40,
      minP: 0.05,
      stop: ['\n\n'],
      extraBody: { max_tokens: null, max_completion_tokens: 50, chat_template_kwargs: { thinking: false } },
    });
    const cold = answerRequests([{ ...question, paraphrases: ['one'], temperature: 0 }], { seed: 3 });
    for (const asked of [requests.slice(0, 1), cold]) for await (const _ of source.answers(asked, {}));
    expect(server.requests[0]?.body).toEqual({
      model: 'adapter-of-vllm',
      messages: requests[0]?.messages,
      temperature: 0.7,
      top_p: 0.9,
      top_k: 40,
      min_p: 0.05,
      stop: ['\n\n'],
      max_completion_tokens: 50,
      chat_template_kwargs: { thinking: false },
      seed: requests[0]?.seed,
      stream: false,
    });
    expect(server.requests[1]?.body.temperature).toBe(0);
    expect(source.settings).toMatchObject({ topK: 40, minP: 0.05, stop: '["\\n\\n"]' });
    expect(source.settings?.extraBody).toContain('"max_completion_tokens":50');
  });

  test('gives the probabilities of letters, without sampling', async () => {
    await using server = await startFaultServer(() => token({ A: 0.5, ' B': 0.2, B: 0.2, Maybe: 0.1 }));
    const extraBody = { max_tokens: null, max_completion_tokens: 600, min_p: 0.1 };
    const source = openAiCompatibleSource({
      url: server.url,
      model: 'm',
      temperature: 0.2,
      topP: 0.5,
      extraBody,
    });
    const letters = requests.slice(0, 1).map((request) => ({ ...request, letters: ['A', 'B', 'C'] }));
    const answers: DrawnAnswer[] = [];
    for await (const answer of source.answers(letters, {})) answers.push(answer);
    expect(answers[0]).toMatchObject({
      answer: 'A',
      letterLogProbabilities: [expect.closeTo(Math.log(0.5), 9), expect.closeTo(Math.log(0.4), 9), null],
    });
    expect(source.givesLogProbabilities).toBe(true);
    expect(server.requests[0]?.body).toMatchObject({
      temperature: 1,
      top_p: 1,
      max_completion_tokens: 1,
      logprobs: true,
      top_logprobs: 20,
    });
    expect(server.requests[0]?.body).not.toHaveProperty('max_tokens');
  });

  test('a withheld answer and a refused question are missing, and the others are drawn', async () => {
    const replies = [faults.contentFilter, faults.refusedRequest, faults.emptyChoices, says('Fine.')];
    await using server = await startFaultServer(({ index }) => replies[index]!);
    const answers = await drawn(openAiCompatibleSource({ url: server.url, model: 'm', concurrency: 1 }));
    expect(answers.map(({ answer, missing }) => missing?.reason ?? answer)).toEqual([
      'content-filter',
      'refused-request',
      'empty',
      'Fine.',
    ]);
  });

  test('an endpoint that fails for good ends the drawing, after what was under way', async () => {
    await using server = await startFaultServer(({ index }) =>
      index === 0
        ? error(404, 'no such model')
        : (response, request) => void setTimeout(() => echo(response, request), 20),
    );
    const answers: DrawnAnswer[] = [];
    const source = openAiCompatibleSource({ url: server.url, model: 'm', concurrency: 3 });
    const failure = await drawn(source, answers).catch((thrown: unknown) => thrown);
    expect(failure).toSatisfy(AnswerSourceError.isInstance);
    expect((failure as Error).message).toContain('no such model');
    expect(answers.filter((answer) => answer !== undefined)).toHaveLength(2);
    expect(server.requests).toHaveLength(3);
  });

  test('an outage is waited for, and nothing is drawn twice', async () => {
    const clock = virtualClock();
    await using server = await startFaultServer(() => (clock.elapsed() < 20_000 ? faults.unavailable : echo));
    const answers = await drawn(openAiCompatibleSource({ url: server.url, model: 'm', clock }));
    expect(answers.map(({ answer }) => answer)).toEqual(['re: one', 're: two', 're: three', 're: four']);
  });

  test('a limit on tokens ends the drawing before it is passed', async () => {
    await using server = await startFaultServer(() => echo);
    const meter = tokenMeter({ maxTokensTotal: 800 });
    const answers: DrawnAnswer[] = [];
    const source = openAiCompatibleSource({ url: server.url, model: 'm', meter, maxTokens: 680 });
    await expect(drawn(source, answers)).rejects.toSatisfy(TokenLimitError.isInstance);
    const { prompt, completion } = meter.totals();
    expect(answers.length).toBeGreaterThan(0);
    expect(prompt + completion).toBe(answers.length * 5);
  });
});

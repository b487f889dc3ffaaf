import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  completion,
  error,
  type FaultRequest,
  faults,
  type Reply,
  says,
  startFaultServer,
  token,
} from '../__fixtures__/fault-server.ts';
import { virtualClock } from '../__fixtures__/virtual-clock.ts';
import { InvalidOptionError } from '../errors.ts';
import type { ChatBody } from './chat-body.ts';
import { chatEndpoint } from './chat-endpoint.ts';
import type { EndpointWait } from './circuit-breaker.ts';
import { EndpointError, LogProbabilityError } from './endpoint-errors.ts';
import type { EndpointOptions } from './endpoint-options.ts';
import { tokenMeter } from './token-meter.ts';

beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

const body: ChatBody = { model: 'm', messages: [{ role: 'user', content: 'How are you?' }], max_tokens: 8 };
const scoring: ChatBody = { ...body, logprobs: true, top_logprobs: 20 };

/** Asks a server that replies as listed, the last without end, by a clock on which waits take no time. */
async function asked(replies: readonly Reply[], options: Partial<EndpointOptions> = {}, request = body) {
  const server = await startFaultServer(({ index }) => replies[Math.min(index, replies.length - 1)]!);
  const clock = virtualClock();
  try {
    const endpoint = chatEndpoint({ url: server.url, clock, ...options });
    const answer = await endpoint.complete(request).catch((failure: unknown) => failure);
    return { answer, requests: server.requests, elapsed: clock.elapsed(), url: server.url };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

describe('an answer', () => {
  test('is the first choice, with what ended it and what it took', async () => {
    const { answer, requests } = await asked([says('Fine, thanks.')], {}, { ...body, seed: 7, top_p: null });
    expect(answer).toEqual({
      content: 'Fine, thanks.',
      finishReason: 'stop',
      usage: { prompt: 3, completion: 2 },
    });
    expect(requests[0]).toMatchObject({ path: '/v1/chat/completions' });
    expect(requests[0]?.headers.authorization).toBeUndefined();
    expect(requests[0]?.body).toEqual({ ...body, seed: 7, stream: false });
  });

  test('has its tokens with their candidates', async () => {
    const { answer } = await asked([token({ '90': 0.6, '80': 0.4 })], {}, scoring);
    const candidates = [
      { token: '90', logprob: Math.log(0.6) },
      { token: '80', logprob: Math.log(0.4) },
    ];
    expect(answer).toMatchObject({ content: '90', tokens: [{ ...candidates[0], candidates }] });
  });

  test.each([
    ['content-filter', faults.contentFilter, 'content_filter'],
    ['empty', faults.emptyChoices, 'no choices'],
    ['empty', completion({ message: { content: null }, finish_reason: 'tool_calls' }), 'tool_calls'],
    ['refused-request', faults.refusedRequest, 'HTTP 400: The request was rejected by our content policy'],
    ['refused-request', error(403, 'Your input was flagged by the moderation'), 'flagged'],
  ])('that is missing has the reason %s, asked once', async (reason, reply, message) => {
    for (const request of [body, scoring]) {
      const { answer, requests } = await asked([reply], {}, request);
      expect(answer).toMatchObject({
        content: null,
        missing: { reason, message: expect.stringContaining(message) },
      });
      expect(requests).toHaveLength(1);
    }
  });

  test('part of which the filter held back is missing too; an empty text is an answer', async () => {
    const filtered = completion({ message: { content: 'I th' }, finish_reason: 'content_filter' });
    expect((await asked([filtered])).answer).toMatchObject({
      content: null,
      missing: { reason: 'content-filter' },
    });
    expect((await asked([says('')])).answer).toMatchObject({ content: '' });
    const refusal = completion({ message: { content: null, refusal: 'No.' }, finish_reason: 'stop' });
    expect((await asked([refusal])).answer).toMatchObject({ content: 'No.' });
  });

  test('without log-probabilities, or with one above 0, is an error of its own', async () => {
    const { answer: missing, requests } = await asked([faults.withoutLogProbabilities], {}, scoring);
    expect(missing).toSatisfy(LogProbabilityError.isInstance);
    expect(missing).toMatchObject({
      problem: 'missing',
      message: expect.stringContaining('no log-probabilities'),
    });
    expect(requests).toHaveLength(1);
    const { answer: above } = await asked([faults.positiveLogProbability], {}, scoring);
    expect(above).toMatchObject({
      problem: 'above-zero',
      message: expect.stringContaining("'90' is 0.5, above 0"),
    });
    expect((await asked([faults.positiveLogProbability])).answer).toMatchObject({ content: '90' });
  });
});

describe('a failure that passes', () => {
  test.each([
    ['429 with seconds', faults.tooManyRequests('90'), 90_000],
    [
      '429 with a date',
      faults.tooManyRequests('Thu, 01 Jan 2026 00:01:30 GMT', 'Thu, 01 Jan 2026 00:00:00 GMT'),
      90_000,
    ],
    ['429', error(429, 'slow down'), 500],
    ['500', faults.internalError, 500],
    ['503', faults.unavailable, 500],
    ['408', error(408, 'too slow'), 500],
    ['409', error(409, 'busy'), 500],
    ['a reset', faults.reset, 500],
    ['an answer cut off', faults.cutOff, 500],
    ['an answer that is no JSON', faults.malformed, 500],
    ['200 with an error', faults.errorIn200(), 500],
    ['200 with an error and its status', faults.errorIn200(502), 500],
    ['a page', faults.page, 500],
  ])('%s is asked again', async (_, fault, wait) => {
    const { answer, requests, elapsed } = await asked([fault, says('Fine.')]);
    expect(answer).toMatchObject({ content: 'Fine.' });
    expect(requests).toHaveLength(2);
    expect(elapsed).toBe(wait);
  });

  test.each([
    ['nothing', faults.stall],
    ['part of an answer', faults.stallWithin],
  ])('%s within the timeout is asked again', async (_, fault) => {
    const { answer, requests } = await asked([fault, says('Fine.')], { timeoutMs: 300 });
    expect(answer).toMatchObject({ content: 'Fine.' });
    expect(requests).toHaveLength(2);
  });

  test('an outage is told while it is waited for, and in the error when patience ends', async () => {
    const waits: (EndpointWait | null)[] = [];
    const { answer, elapsed, url } = await asked([says('Fine.'), faults.unavailable], {
      patienceMs: 30_000,
      onWait: (wait) => waits.push(wait),
    });
    expect(answer).toMatchObject({ content: 'Fine.' });
    expect(elapsed).toBe(0);
    expect(waits).toEqual([]);
    const down = await asked([faults.unavailable], {
      patienceMs: 30_000,
      onWait: (wait) => waits.push(wait),
    });
    expect(down.answer).toSatisfy(EndpointError.isInstance);
    expect(down.answer).toMatchObject({
      failure: 'outage',
      status: 503,
      message: expect.stringMatching(
        /HTTP 503: no workers; nothing has been answered for 3\d s \(patience: 30 s\)/,
      ),
    });
    expect(waits[0]).toMatchObject({
      reason: 'HTTP 503: no workers',
      nextTryMs: 500,
      patienceLeftMs: 30_000,
    });
    expect(url).not.toBe(down.url);
  });

  test('a request that fails while others are answered is given up after its retries', async () => {
    const isPoison = ({ body: { messages } }: FaultRequest) => messages[0]?.content === 'poison';
    await using server = await startFaultServer((request) =>
      isPoison(request) ? faults.internalError : says('Fine.'),
    );
    const clock = virtualClock();
    const endpoint = chatEndpoint({ url: server.url, clock, retries: 2 });
    let isOver = false;
    const others = async () => {
      while (!isOver) {
        await endpoint.complete(body);
        await clock.sleep(100);
      }
    };
    const poison = endpoint
      .complete({ ...body, messages: [{ role: 'user', content: 'poison' }] })
      .finally(() => (isOver = true));
    await Promise.all([expect(poison).rejects.toThrow('something broke (asked 3 times)'), others()]);
    expect(server.requests.filter(isPoison)).toHaveLength(3);
  });

  test('an answer that never is a completion is given up after its retries, whatever its length', async () => {
    const { answer, requests } = await asked([faults.page], { retries: 2 });
    expect(answer).toMatchObject({
      failure: 'answer',
      message: expect.stringContaining("is not a chat completion but '<html>welcome</html>'"),
    });
    expect(requests).toHaveLength(3);
  });

  test('an answer without end is cut off', async () => {
    const endless: Reply = (response) => {
      const part = Buffer.alloc(2 ** 20, ' ');
      const more = () => {
        while (!response.destroyed && response.write(part));
      };
      response.on('drain', more);
      more();
    };
    const { answer } = await asked([endless], { patienceMs: 0 });
    expect(answer).toMatchObject({
      failure: 'outage',
      message: expect.stringContaining('longer than 67108864 bytes'),
    });
  });

  test('a server that asks to wait is waited for up to the patience', async () => {
    const { answer, elapsed } = await asked([faults.tooManyRequests('86400')], { patienceMs: 120_000 });
    expect(answer).toMatchObject({ failure: 'outage', status: 429 });
    expect(elapsed).toBe(120_000);
  });

  test('tokens held back for a request are let go once, and counted when it may have been worked on', async () => {
    const meter = tokenMeter({ maxTokensTotal: 150 });
    await asked([faults.unavailable], { patienceMs: 0, meter });
    expect(meter.totals()).toMatchObject({ prompt: 0, completion: 0, uncounted: 0 });
    const first = await meter.reserve('m', { prompt: 100, completion: 0 });
    let isThrough = false;
    const second = meter.reserve('m', { prompt: 100, completion: 0 }).then((reservation) => {
      isThrough = true;
      reservation.unused();
    });
    await new Promise(setImmediate);
    expect(isThrough).toBe(false);
    first.unused();
    await second;
    await asked([faults.cutOff], { patienceMs: 0, meter });
    expect(meter.totals().uncounted).toBe(12 + 16 + 64 + 8);
  });

  test('a kept connection that the server closed just then is no failure', async () => {
    const replies = [says('Fine.'), faults.reset, says('Well.')];
    await using server = await startFaultServer(({ index }) => replies[index]!);
    const clock = virtualClock();
    const endpoint = chatEndpoint({ url: server.url, clock, retries: 0 });
    await endpoint.complete(body);
    expect((await endpoint.complete(body)).content).toBe('Well.');
    expect(clock.elapsed()).toBe(0);
  });

  test('a refused connection says so', async () => {
    const server = await startFaultServer(() => faults.stall);
    await server[Symbol.asyncDispose]();
    const endpoint = chatEndpoint({ url: server.url, clock: virtualClock(0) });
    await expect(endpoint.complete(body)).rejects.toThrow(
      /ECONNREFUSED.*nothing has been answered for 6\d s/,
    );
  });
});

describe('a failure for good', () => {
  test.each([
    [401, 'access', 'no key was sent'],
    [403, 'access', 'no key was sent'],
    [404, 'access', "check the model's name, 'm'"],
    [402, 'access', 'no credit'],
    [400, 'request', 'HTTP 400: wrong'],
    [422, 'request', 'HTTP 422: wrong'],
  ])('%i is final at once and says what to do', async (status, failure, message) => {
    const { answer, requests, elapsed } = await asked([error(status, 'wrong')]);
    expect(answer).toMatchObject({ status, failure, message: expect.stringContaining(message) });
    expect(requests).toHaveLength(1);
    expect(elapsed).toBe(0);
  });

  test('a wrong key is told from none, and used-up credit from a rate limit', async () => {
    const { answer } = await asked([error(401, 'wrong')], { apiKey: 'sk-wrong' });
    expect(answer).toMatchObject({ message: expect.stringContaining('was not accepted') });
    const spent = await asked([error(429, 'You exceeded your quota', { code: 'insufficient_quota' })]);
    expect(spent.answer).toMatchObject({ failure: 'access', status: 429 });
    expect(spent.requests).toHaveLength(1);
  });

  test('a server’s own words are kept, printable and of bounded length', async () => {
    const { answer } = await asked([error(400, `\u001b[31mred ${'x'.repeat(5000)}`)]);
    const { message } = answer as EndpointError;
    expect(message).toContain('HTTP 400: \\u001b[31mred xxx');
    expect(message.length).toBeLessThan(700);
  });

  test('an abort throws its reason, during a request and during a wait', async () => {
    await using server = await startFaultServer(() => faults.stall);
    const controller = new AbortController();
    const waiting = chatEndpoint({ url: server.url }).complete(body, { signal: controller.signal });
    setTimeout(() => controller.abort(new Error('enough')), 20);
    await expect(waiting).rejects.toThrow('enough');
    await using limiting = await startFaultServer(() => faults.tooManyRequests('600'));
    const endpoint = chatEndpoint({ url: limiting.url, onWait: () => later.abort(new Error('enough')) });
    const later = new AbortController();
    await expect(endpoint.complete(body, { signal: later.signal })).rejects.toThrow('enough');
  });
});

// Agents of older releases know no proxies.
test.skipIf(Number(process.versions.node.split('.')[0]) < 24)(
  'a proxy of the environment is used',
  async () => {
    await using proxy = await startFaultServer(() => says('Fine.'));
    vi.stubEnv('NODE_USE_ENV_PROXY', '1');
    vi.stubEnv('HTTP_PROXY', proxy.origin);
    vi.stubEnv('NO_PROXY', '');
    vi.stubEnv('no_proxy', '');
    const { content } = await chatEndpoint({ url: 'http://judge.invalid/v1' }).complete(body);
    expect(content).toBe('Fine.');
    expect(proxy.requests[0]?.path).toBe('http://judge.invalid/v1/chat/completions');
  },
);

test.each([
  [{ url: 'localhost:8000' }, 'url'],
  [{ retries: -1 }, 'retries'],
  [{ timeoutMs: 0 }, 'timeoutMs'],
  [{ timeoutMs: 2 ** 31 }, 'timeoutMs'],
  [{ patienceMs: -1 }, 'patienceMs'],
  [{ concurrency: 0 }, 'concurrency'],
  [{ record: 'a', replay: 'a' }, 'replay'],
])('refuses %j', (options, option) => {
  expect(() => chatEndpoint({ url: 'http://h/v1', ...options })).toThrow(InvalidOptionError);
  expect(() => chatEndpoint({ url: 'http://h/v1', ...options })).toThrow(option);
});

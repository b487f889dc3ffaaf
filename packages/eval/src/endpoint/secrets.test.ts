import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { faults, type Reply, says, startFaultServer } from '../__fixtures__/fault-server.ts';
import { virtualClock } from '../__fixtures__/virtual-clock.ts';
import type { ChatBody } from './chat-body.ts';
import { chatEndpoint } from './chat-endpoint.ts';
import type { EndpointOptions } from './endpoint-options.ts';

beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

const body: ChatBody = { model: 'm', messages: [{ role: 'user', content: 'How are you?' }], max_tokens: 8 };

/** Asks a server that replies as listed, the last without end, by a clock on which waits take no time. */
async function asked(replies: readonly Reply[], options: Partial<EndpointOptions> = {}) {
  const server = await startFaultServer(({ index }) => replies[Math.min(index, replies.length - 1)]!);
  const clock = virtualClock();
  try {
    const endpoint = chatEndpoint({ url: server.url, clock, ...options });
    const answer = await endpoint.complete(body).catch((failure: unknown) => failure);
    return { answer, requests: server.requests, elapsed: clock.elapsed(), url: server.url };
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

describe('secrets', () => {
  test('are in no message, whatever the server echoes', async () => {
    for (const status of [200, 400, 401, 404]) {
      const options = { apiKey: 'topsecret-0', patienceMs: 0 };
      const { answer } = await asked([faults.echo(status)], options);
      const text = JSON.stringify([answer, (answer as Error).message, (answer as Error).stack]);
      expect(text).toContain('[redacted]');
      expect(text).not.toContain('topsecret');
    }
  });

  test('of the address are sent as basic authentication and shown nowhere', async () => {
    await using server = await startFaultServer(() => faults.echo(400));
    const url = server.url.replace('//', '//user:topsecret@');
    const endpoint = chatEndpoint({ url });
    expect(endpoint.url).toBe(server.url);
    const failure = await endpoint.complete(body).catch((error: Error) => error);
    const basic = Buffer.from('user:topsecret').toString('base64');
    expect(server.requests[0]?.headers.authorization).toBe(`Basic ${basic}`);
    const text = JSON.stringify([failure, (failure as Error).message]);
    expect(text).not.toMatch(/topsecret|user:/);
    expect(text).not.toContain(basic);
  });

  test('in what a model writes are taken out too', async () => {
    const { answer } = await asked([says('Your key is topsecret-0.')], { apiKey: 'topsecret-0' });
    expect(answer).toMatchObject({ content: 'Your key is [redacted].' });
  });

  test('are not taken to another origin', async () => {
    await using other = await startFaultServer(() => says('Give me the key.'));
    for (const status of [301, 302, 303, 307, 308]) {
      const { answer } = await asked([faults.redirect(status, `${other.url}/chat/completions?key=x`)], {
        apiKey: 'topsecret-0',
      });
      expect(answer).toMatchObject({ failure: 'redirect', status });
      expect((answer as Error).message).toContain(
        `redirects to another origin, ${other.url}/chat/completions,`,
      );
    }
    expect(other.requests).toEqual([]);
  });

  test('go along a redirect within the origin', async () => {
    const { answer, requests } = await asked([faults.redirect(307, '/v2/chat/completions'), says('Fine.')], {
      apiKey: 'topsecret-0',
    });
    expect(answer).toMatchObject({ content: 'Fine.' });
    expect(requests[1]).toMatchObject({
      path: '/v2/chat/completions',
      headers: { authorization: 'Bearer topsecret-0' },
      body: { model: 'm' },
    });
    const circle = await asked([faults.redirect(308, '/v1/chat/completions')]);
    expect(circle.answer).toMatchObject({ message: expect.stringContaining('redirected more than 5 times') });
    const moved = await asked([faults.redirect(301, '/v2/chat/completions')]);
    expect(moved.answer).toMatchObject({ message: expect.stringMatching(/redirects to .*\/v2.*give that/) });
  });
});

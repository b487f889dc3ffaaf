import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { expect, it, onTestFinished } from 'vitest';
import { watchRun } from './watch-run.ts';

/** Messages, as the page takes them; after the first two, `whenBoth` is called. */
async function messagesOf(url: string, count: number, whenBoth: () => void): Promise<unknown[]> {
  const response = await fetch(`${url}events`);
  const messages: unknown[] = [];
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
      messages.push(...(JSON.parse(text.slice(6, end)) as unknown[]));
      text = text.slice(end + 2);
    }
    if (messages.length >= count) break;
    if (messages.length === 2) whenBoth();
  }
  return messages;
}

async function watched() {
  const page = await watchRun();
  onTestFinished(() => page.end('done'));
  return page;
}

it('tells whoever opens the page what has been, and what comes', async () => {
  const { url, onEvent } = await watched();
  const started = {
    type: 'start',
    steps: 2,
    done: 0,
    parameters: 1,
    memory: undefined,
    plan: undefined,
    packing: undefined,
  } as const;
  const reading = {
    probe: 'kl',
    value: 0.75,
    worse: 'higher',
    bounds: { stop: 0.5 },
    breach: { action: 'stop', bound: 0.5 },
    findings: [],
    seconds: 1,
  } as const;
  onEvent(started, 'a model on 3 examples');
  onEvent({ type: 'evaluation', step: 0, loss: 4, targets: 10, isBest: true }, '');
  const messages = await messagesOf(url, 4, () =>
    onEvent({ type: 'sentinel', step: 1, readings: [reading] }, ''),
  );
  expect(messages).toEqual([
    { type: 'start', steps: 2, done: 0, about: 'a model on 3 examples' },
    { type: 'scalars', step: 0, values: { 'loss/held_out': 4 } },
    { type: 'scalars', step: 1, values: { 'sentinel/kl/value': 0.75 } },
    { type: 'said', text: 'step 1: the sentinel finds kl at 0.750, beyond 0.5 (stop)' },
  ]);
});

it('allows the page its own program and no other, and no request but for the events', async () => {
  const { url } = await watched();
  const response = await fetch(url);
  const html = await response.text();
  const policy = response.headers.get('content-security-policy')!;
  const hash = (text: string) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
  const scripts = [...html.matchAll(/<script>([\s\S]*?)<\/script>/g)].map(([, text]) => text!);
  expect(scripts).toHaveLength(2);
  for (const script of scripts) expect(policy).toContain(hash(script));
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("connect-src 'self'");
});

it.each([
  ['another host, as a page of another origin would', '/', { host: 'evil.example' }, 'GET', 421],
  ['no such path', '/../etc/passwd', {}, 'GET', 404],
  ['another method', '/', {}, 'POST', 405],
])('refuses %s', async (_, path, headers, method, status) => {
  const { url } = await watched();
  const { port } = new URL(url);
  const answered = new Promise<number | undefined>((resolve, reject) => {
    request({ host: '127.0.0.1', port, path, headers, method }, (response) => {
      response.resume();
      resolve(response.statusCode);
    })
      .on('error', reject)
      .end();
  });
  expect(await answered).toBe(status);
});

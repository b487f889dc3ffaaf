import { appendFile, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { error, faults, type Reply, says, startFaultServer } from '../__fixtures__/fault-server.ts';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { virtualClock, virtualStart } from '../__fixtures__/virtual-clock.ts';
import type { ChatBody } from './chat-body.ts';
import { chatEndpoint } from './chat-endpoint.ts';
import { RecordingError } from './endpoint-errors.ts';

beforeEach(() => vi.stubEnv('OPENAI_API_KEY', ''));
afterEach(() => vi.unstubAllEnvs());

const ask = (content: string): ChatBody => ({
  model: 'm',
  messages: [{ role: 'user', content }],
  max_tokens: 5,
});
const nowhere = 'http://127.0.0.1:1/v1';

/** Records what a server replies to the questions, one after another, the last reply without end. */
async function recorded(replies: readonly Reply[], questions: readonly string[], apiKey?: string) {
  const record = join(await temporaryFolder(), 'audit', 'requests.jsonl');
  await using server = await startFaultServer(({ index }) => replies[Math.min(index, replies.length - 1)]!);
  const options = { url: server.url, record, clock: virtualClock(), ...(apiKey !== undefined && { apiKey }) };
  const endpoint = chatEndpoint(options);
  const answers: unknown[] = [];
  for (const question of questions)
    answers.push(await endpoint.complete(ask(question)).catch((failure: Error) => failure.message));
  const text = await readFile(record, 'utf8');
  const lines = text.trimEnd().split('\n');
  return { record, text, entries: lines.map((line) => JSON.parse(line)), answers, url: server.url };
}

describe('a recording', () => {
  test('holds every request and what came back, in their order', async () => {
    const { entries, url } = await recorded(
      [faults.reset, faults.tooManyRequests('2'), says('Fine.')],
      ['a', 'b'],
    );
    const request = { ...ask('a'), stream: false };
    expect(entries).toEqual([
      {
        at: new Date(virtualStart).toISOString(),
        url,
        request,
        failure: expect.stringContaining('connection failed'),
      },
      {
        at: new Date(virtualStart + 500).toISOString(),
        url,
        request,
        status: 429,
        headers: { 'content-type': 'application/json', date: expect.any(String), 'retry-after': '2' },
        response: expect.stringContaining('slow down'),
      },
      expect.objectContaining({ request, status: 200, response: expect.stringContaining('Fine.') }),
      expect.objectContaining({ request: { ...ask('b'), stream: false }, status: 200 }),
    ]);
  });

  test('holds no secrets', async () => {
    const { text } = await recorded(
      [
        faults.echo(400),
        faults.redirect(302, 'http://u:topsecret-0@h/?k=topsecret-0'),
        says('It is topsecret-0'),
      ],
      ['a', 'b', 'my key is topsecret-0'],
      'topsecret-0',
    );
    expect(text).not.toContain('topsecret');
    expect(text.match(/\[redacted\]/g)?.length).toBeGreaterThanOrEqual(3);
  });

  test('goes on after a killed process, without the line that it was writing', async () => {
    const { record } = await recorded([says('Fine.')], ['a']);
    await appendFile(record, '{"at":"2026-01-01T0');
    await using server = await startFaultServer(() => says('Well.'));
    await chatEndpoint({ url: server.url, record }).complete(ask('b'));
    const lines = (await readFile(record, 'utf8')).trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).request.messages[0].content)).toEqual(['a', 'b']);
  });

  test('that cannot be written ends the request', async () => {
    const folder = await temporaryFolder();
    await using server = await startFaultServer(() => says('Fine.'));
    const endpoint = chatEndpoint({ url: server.url, record: folder });
    await expect(endpoint.complete(ask('a'))).rejects.toThrow(RecordingError);
  });
});

describe('a replay', () => {
  test('answers as the server did, by the request, without a server and without waiting', async () => {
    const { record, answers } = await recorded(
      [
        faults.tooManyRequests('600'),
        says('First.'),
        faults.malformed,
        says('Second.'),
        error(404, 'no model'),
      ],
      ['a', 'b', 'c'],
      'topsecret-0',
    );
    const endpoint = chatEndpoint({ url: nowhere, replay: record });
    const again = await Promise.all(
      ['c', 'b', 'a'].map((question) =>
        endpoint.complete(ask(question)).catch((failure: Error) => failure.message),
      ),
    );
    expect(again.reverse().slice(0, 2)).toEqual(answers.slice(0, 2));
    expect(again[2]).toContain('HTTP 404: no model');
  });

  test('gives the answers to one request in their order, then the last again', async () => {
    const { record } = await recorded([says('1'), says('2')], ['a', 'a']);
    const endpoint = chatEndpoint({ url: nowhere, replay: record });
    const contents: unknown[] = [];
    for (let time = 0; time < 3; time += 1) contents.push((await endpoint.complete(ask('a'))).content);
    expect(contents).toEqual(['1', '2', '2']);
  });

  test('fails loudly for a request that is not there', async () => {
    const { record } = await recorded([says('Fine.')], ['a']);
    const endpoint = chatEndpoint({ url: nowhere, replay: record });
    for (const body of [ask('b'), { ...ask('a'), temperature: 0.5 }]) {
      const failure = await endpoint.complete(body).catch((thrown: unknown) => thrown);
      expect(failure).toSatisfy(RecordingError.isInstance);
      expect((failure as Error).message).toContain("holds no answer to this request to 'm'");
    }
  });

  test('refuses a file that is not there or is no recording', async () => {
    const folder = await temporaryFolder();
    const other = join(folder, 'other.jsonl');
    await writeFile(other, '{"kind":"answer"}\n');
    for (const [replay, message] of [
      [join(folder, 'none.jsonl'), 'cannot be read'],
      [other, 'line 1 is not a recorded request'],
    ] as const)
      await expect(chatEndpoint({ url: nowhere, replay }).complete(ask('a'))).rejects.toThrow(message);
  });
});

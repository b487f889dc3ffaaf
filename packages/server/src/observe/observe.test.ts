import { Writable } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { apiRoutes } from '../api/routes.ts';
import { createServer } from '../api/server.ts';
import { registerPage } from '../page/register-page.ts';
import type { HeldBackRecord } from '../records/held-back-record.ts';
import { sampleFile, sampleJob } from '../records/testing/sample-records.ts';
import { unixTime } from '../records/unix-time.ts';
import { openTestService } from '../service/__fixtures__/test-service.ts';
import type { AnsweringService } from '../service.ts';
import { createLog } from './log.ts';
import { createMetrics } from './metrics.ts';
import { metricsRoute } from './metrics-route.ts';
import { observeServer } from './observe-server.ts';

/** A service that is observed, and its log. */
async function openObserved(change: (service: AnsweringService) => Partial<AnsweringService> = () => ({})) {
  const { service, key } = await openTestService();
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString());
      done();
    },
  });
  const logger = createLog({ destination });
  const metrics = createMetrics();
  const observed = { ...service, ...change(service) };
  const server = await createServer(observed, { routes: [...apiRoutes, metricsRoute(metrics)], logger });
  registerPage(server);
  observeServer(server, metrics);
  const address = await server.listen({ host: '127.0.0.1', port: 0 });
  onTestFinished(() => server.close());
  const ask = (path: string, value?: string, options: RequestInit = {}) =>
    fetch(`${address}${path}`, {
      ...options,
      headers: { ...(value !== undefined && { authorization: `Bearer ${value}` }), ...options.headers },
    });
  return { service: observed, key, ask, lines, logger };
}

describe('metrics', () => {
  it('are told an operator, and nobody else', async () => {
    const { ask, key } = await openObserved();
    expect((await ask('/metrics')).status).toBe(401);
    expect((await ask('/metrics', await key('one'))).status).toBe(403);
    const response = await ask('/metrics', await key('operator', { role: 'operator' }));
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  it('count requests by route, and what the records and the queue hold; no id is in them', async () => {
    const { ask, key, service } = await openObserved(() => ({
      chat: {
        async *answer() {
          yield* [];
          return { finishReason: 'stop' as const, promptTokens: 0, completionTokens: 0 };
        },
        forget: async () => {},
        loaded: () => [{ base: 'tiny', adapter: 'models/ft-secret', requests: 3 }],
        close: async () => {},
      },
    }));
    const { records, queue } = service;
    const verdict = { outcome: 'quarantined', measurements: [], reason: '', report: null } as const;
    await records.insert(
      'job',
      sampleJob({ id: 'ftjob-aaa', status: 'succeeded', trainedTokens: 120, gate: verdict }),
    );
    await records.insert('job', sampleJob({ id: 'ftjob-bbb', status: 'queued', gate: null }));
    await queue.add('ftjob-bbb', 0);
    await records.insert('file', sampleFile({ id: 'file-ccc', bytes: 1234, purpose: 'fine-tune' }));
    await records.insert('model', {
      ...{ id: 'ft:tiny', tenant: 'one', createdAt: 1, jobId: 'ftjob-aaa', base: 'tiny', status: 'refused' },
      ...{ key: 'models/ft-secret', bytes: 4321 },
    });
    for (const [index, tenant] of ['two', 'two', 'two', 'two', 'two', 'three'].entries()) {
      const held = {
        id: `ftjob-held-${index}`,
        tenant,
        createdAt: unixTime(),
        model: 'ft:tiny',
        outcome: 'refused',
      };
      await records.insert('held-back', held as HeldBackRecord);
    }
    const one = await key('tenant-one');
    for (const id of ['file-x', 'file-y', 'file-z']) await ask(`/v1/files/${id}`, one);
    await ask('/v1/nowhere/at/all', one);
    for (let time = 0; time < 22; time += 1) await ask('/v1/files', 'sk-safetune-nowhere');
    await ask('/page/main.js');
    const text = await (await ask('/metrics', await key('operator', { role: 'operator' }))).text();
    const value = (series: string) =>
      text
        .split('\n')
        .find((line) => line.startsWith(`${series} `))
        ?.split(' ')[1];
    expect(value('safetune_http_requests_total{method="GET",route="/v1/files/{file_id}",status="404"}')).toBe(
      '3',
    );
    expect(value('safetune_http_requests_total{method="GET",route="unknown",status="404"}')).toBe('1');
    expect(
      value('safetune_http_request_duration_seconds_count{method="GET",route="/v1/files/{file_id}"}'),
    ).toBe('3');
    expect(value('safetune_wrong_keys_total{status="401"}')).toBe('20');
    expect(value('safetune_wrong_keys_total{status="429"}')).toBe('2');
    expect(value('safetune_jobs{status="succeeded"}')).toBe('1');
    expect(value('safetune_jobs{status="queued"}')).toBe('1');
    expect(value('safetune_jobs{status="failed"}')).toBe('0');
    expect(value('safetune_gate_verdicts_total{outcome="quarantined"}')).toBe('1');
    expect(value('safetune_trained_tokens_total')).toBe('120');
    expect(value('safetune_queue_waiting')).toBe('1');
    expect(value('safetune_tenants_held_back')).toBe('1');
    expect(value('safetune_stored_bytes{purpose="fine-tune"}')).toBe('1234');
    expect(value('safetune_stored_bytes{purpose="models"}')).toBe('4321');
    expect(value('safetune_models_loaded')).toBe('1');
    expect(value('safetune_chat_requests')).toBe('3');
    for (const id of ['ftjob-', 'file-', 'tenant-one', 'ft-secret', 'nowhere'])
      expect(text).not.toContain(id);
  });

  it('are the same however many read them at once', async () => {
    const { ask, key, service } = await openObserved();
    await service.records.insert('job', sampleJob({ id: 'ftjob-1', status: 'cancelled', trainedTokens: 9 }));
    const operator = await key('operator', { role: 'operator' });
    const texts = await Promise.all(
      Array.from({ length: 4 }, async () => (await ask('/metrics', operator)).text()),
    );
    for (const text of texts) {
      expect(text).toContain('safetune_jobs{status="cancelled"} 1\n');
      expect(text).toContain('safetune_trained_tokens_total 9\n');
    }
  });
});

describe('the queue, as the page shows it', () => {
  it('is told an operator', async () => {
    const { ask, key, service } = await openObserved();
    await service.queue.add('ftjob-1', 0);
    expect((await ask('/v1/service/queue', await key('one'))).status).toBe(403);
    const operator = await key('operator', { role: 'operator' });
    expect(await (await ask('/v1/service/queue', operator)).json()).toEqual({
      object: 'service.queue',
      ...{ waiting: 1, running: 0, workers: [], models: [] },
    });
  });
});

it('says whether it is ready: not without its storage', async () => {
  const { ask } = await openObserved();
  expect((await ask('/readyz')).status).toBe(200);
  const { ask: askBroken } = await openObserved(({ storage }) => ({
    storage: { ...storage, list: () => Promise.reject(new Error('away')) },
  }));
  const response = await askBroken('/readyz');
  expect(response.status).toBe(503);
  expect(response.headers.get('retry-after')).toBe('5');
  expect((await askBroken('/healthz')).status).toBe(200);
});

it('logs each request with its id, and nothing of the key, of files and of prompts, whatever is tried', async () => {
  const prompt = 'the-secret-prompt';
  const content = 'the-secret-content';
  const { ask, key, lines, logger } = await openObserved(() => ({
    chat: {
      // biome-ignore lint/correctness/useYield: it fails before the first piece.
      async *answer({ messages }) {
        // What it cannot parse stands in the error's message.
        throw new Error('the model failed', { cause: parseError(messages.at(-1)!.content) });
      },
      forget: async () => {},
      loaded: () => [],
      close: async () => {},
    },
  }));
  const secret = await key('one');
  const json = { 'content-type': 'application/json' };
  const chat = (text: string) => ({
    method: 'POST',
    headers: json,
    body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: text }] }),
  });
  const answered = await ask('/v1/chat/completions', secret, chat(prompt));
  expect(answered.status).toBe(500);
  await ask('/v1/chat/completions', secret, {
    method: 'POST',
    headers: json,
    body: `{"messages": ${prompt}`,
  });
  await ask('/v1/chat/completions', `${secret}x`, chat(prompt));
  await ask(`/v1/files?api_key=${secret}&after=${prompt}`, secret);
  await ask(`/v1/${secret}/${prompt}`, secret);
  await ask('/v1/files', undefined, { headers: { 'x-api-key': secret, cookie: `key=${secret}` } });
  await ask(`/v1/files/${prompt}`, secret, { headers: { 'x-request-id': `${prompt} {"level":"fatal"}` } });
  const form = new FormData();
  form.set('purpose', 'fine-tune');
  form.set('file', new File([content], `${prompt}"\n.jsonl`));
  await ask('/v1/files', secret, { method: 'POST', body: form });
  await ask(`/v1/fine_tuning/jobs`, secret, {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ model: prompt, training_file: content, suffix: '\u001b[31m' }),
  });
  // What somebody who writes a line may do by mistake.
  logger.error({ err: parseError(prompt), headers: { authorization: `Bearer ${secret}` } }, `with ${secret}`);
  logger.info(
    { req: { headers: { authorization: secret }, method: 'GET' }, call: { messages: [prompt] } },
    'x',
  );
  const log = lines.join('');
  expect(lines.length).toBeGreaterThanOrEqual(11);
  for (const hidden of [secret, secret.slice(12), prompt, content, 'Bearer sk'])
    expect(log).not.toContain(hidden);
  for (const line of lines) {
    expect(line.endsWith('\n') && line.indexOf('\n') === line.length - 1).toBe(true);
    expect(JSON.parse(line)).toMatchObject({
      level: expect.any(String),
      time: expect.stringMatching(/^\d{4}-/),
    });
  }
  const entries = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  const requestId = answered.headers.get('x-request-id');
  expect(entries.find(({ reqId, msg }) => reqId === requestId && msg === 'answered')).toMatchObject({
    ...{ method: 'POST', route: '/v1/chat/completions', status: 500, tenant: 'one' },
  });
  expect(entries.find(({ reqId, level }) => reqId === requestId && level === 'error')).toMatchObject({
    err: {
      message: 'the model failed',
      stack: expect.stringContaining('at '),
      cause: { type: 'SyntaxError' },
    },
  });
});

function parseError(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return error;
  }
}

import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import {
  openTestService,
  type TestService,
  trainingFile,
  until,
} from '../service/__fixtures__/test-service.ts';
import type { ErrorBody } from './openai-error.ts';

/** Status and error of an answer, which must be one of OpenAI's form. */
async function refusal(response: Response | Promise<Response>) {
  const answered = await response;
  const { error } = (await answered.json()) as ErrorBody;
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
  expect(JSON.stringify(error)).not.toMatch(/node_modules|\.ts:|FST_|Error:/);
  return { status: answered.status, ...error };
}

/** All files under a folder. */
async function filesUnder(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

const boundary = 'a-boundary';

function form(body: string | Readable): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: typeof body === 'string' ? body : (Readable.toWeb(body) as ReadableStream),
    duplex: 'half',
  } as RequestInit;
}

const purpose = `--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nfine-tune\r\n`;
const fileHead = (name = 'file', filename = 'a.jsonl') =>
  `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${filename}"\r\n\r\n`;
const tail = `\r\n--${boundary}--\r\n`;

it.each([
  ['nothing', ''],
  ['no form', 'hello'],
  ['no end', `${purpose}${fileHead()}{}`],
  ['no end of the headers', `--${boundary}\r\nContent-Disposition: form-data; name="file"`],
  ['no file', `${purpose}--${boundary}--\r\n`],
  ['no purpose', `${fileHead()}{}${tail}`],
  ['an empty file', `${purpose}${fileHead()}${tail}`],
  ['two files', `${purpose}${fileHead()}{}\r\n${fileHead()}{}${tail}`],
  ['two purposes', `${purpose}${purpose}${fileHead()}{}${tail}`],
  ['another file', `${purpose}${fileHead('other')}{}${tail}`],
  ['a field of a prototype', `${purpose}${fileHead('__proto__')}{}${tail}`],
  ['a field too many', `${purpose.replace('purpose', 'tenant')}${purpose}${fileHead()}{}${tail}`],
  ['a purpose that is a file', `${fileHead('purpose')}fine-tune\r\n${fileHead()}{}${tail}`],
  ['a long field', `${purpose.replace('fine-tune', 'x'.repeat(20_000))}${fileHead()}{}${tail}`],
  ['many fields', `${purpose.replace('purpose', 'x').repeat(50)}${fileHead()}{}${tail}`],
  ['many headers', `--${boundary}\r\n${'X-A: b\r\n'.repeat(10_000)}\r\n${tail}`],
])('refuses a form with %s, and keeps nothing of it', async (_name, body) => {
  const service = await openTestService();
  const key = await service.key('one');
  const { status, type } = await refusal(service.fetch('/v1/files', key, form(body)));
  expect([400, 413]).toContain(status);
  expect(type).toBe('invalid_request_error');
  expect(await filesUnder(service.folder)).toEqual([]);
  expect((await service.service.records.list('file', { limit: 1, order: 'asc' })).items).toEqual([]);
});

it('ends an upload at its limit, with little memory and nothing on the disk', async () => {
  const limit = 2 ** 20;
  const service = await openTestService(`limits: {file_bytes: ${limit}}`);
  const key = await service.key('one');
  const chunk = Buffer.alloc(2 ** 16, 'x');
  let sent = 0;
  async function* endless() {
    yield `${purpose}${fileHead()}`;
    // 2 GB, if they are taken.
    for (; sent < 2 * 2 ** 30; sent += chunk.length) yield chunk;
    yield tail;
  }
  global.gc?.();
  const before = process.memoryUsage.rss();
  const refused = await service
    .fetch('/v1/files', key, form(Readable.from(endless(), { objectMode: false })))
    .then(refusal, (error: unknown) => error);
  // The client of the test may see the end of the connection before it sees the answer.
  if (!(refused instanceof Error))
    expect(refused).toMatchObject({ status: 413, code: 'file_too_large', param: 'file' });
  expect(sent).toBeLessThan(200 * 2 ** 20);
  expect(process.memoryUsage.rss() - before).toBeLessThan(200 * 2 ** 20);
  await until(async () => (await filesUnder(service.folder)).length === 0);
  const exact = await service.fetch(
    '/v1/files',
    key,
    form(`${purpose}${fileHead()}${'x'.repeat(limit)}${tail}`),
  );
  expect(exact.status).toBe(200);
  const over = service.fetch(
    '/v1/files',
    key,
    form(`${purpose}${fileHead()}${'x'.repeat(limit + 1)}${tail}`),
  );
  expect(await refusal(over)).toMatchObject({ status: 413, code: 'file_too_large' });
  expect(await filesUnder(service.folder)).toHaveLength(1);
});

it('refuses an upload by its length, before it is read', async () => {
  const service = await openTestService('limits: {file_bytes: 1000}');
  const key = await service.key('one');
  const answer = await raw(
    service,
    `POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\n` +
      `Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: 2000000000\r\n\r\n`,
  );
  expect(answer).toMatch(/^HTTP\/1\.1 413 /);
});

it('keeps nothing of an upload whose client leaves', async () => {
  const service = await openTestService();
  const key = await service.key('one');
  const leave = new AbortController();
  async function* slow() {
    yield `${purpose}${fileHead()}{}`;
    yield 'x'.repeat(2 ** 18);
    await until(async () => (await filesUnder(service.folder)).length > 0);
    leave.abort();
    yield 'x';
  }
  const upload = service.fetch('/v1/files', key, { ...form(Readable.from(slow())), signal: leave.signal });
  await expect(upload).rejects.toThrow();
  await until(async () => (await filesUnder(service.folder)).length === 0);
});

it('holds the quotas of a tenant, also against uploads at once', async () => {
  const service = await openTestService('limits: {files: 3, stored_bytes: 5000, open_jobs: 2}');
  const client = await service.client('one');
  const upload = (name: string, bytes = 100) =>
    client.files.create({ file: trainingFile(name, 'x'.repeat(bytes)), purpose: 'fine-tune' });
  const at = await Promise.allSettled(Array.from({ length: 8 }, (_, index) => upload(`${index}`)));
  expect(at.filter(({ status }) => status === 'fulfilled')).toHaveLength(3);
  const refused = at.flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []));
  expect(new Set(refused)).toEqual(new Set(['file_quota_exceeded']));
  expect(await service.service.storage.list('files/')).toHaveLength(3);
  const files = await client.files.list();
  expect(files.data).toHaveLength(3);
  await client.files.delete(files.data[0]!.id);
  await expect(upload('large', 4900)).rejects.toMatchObject({ code: 'storage_quota_exceeded' });
  await upload('fits', 4700);
  const other = await service.client('two');
  await other.files.create({ file: trainingFile(), purpose: 'fine-tune' });

  const create = () => client.fineTuning.jobs.create({ model: 'tiny', training_file: files.data[1]!.id });
  const jobs = await Promise.allSettled(Array.from({ length: 6 }, create));
  expect(jobs.filter(({ status }) => status === 'fulfilled')).toHaveLength(2);
  expect(await service.service.queue.counts()).toMatchObject({ waiting: 2 });
  expect((await client.fineTuning.jobs.list()).data).toHaveLength(2);
});

it.each([
  ['../../etc/passwd', 'passwd'],
  ['..\\..\\windows\\a.jsonl', 'a.jsonl'],
  ['/abs/a.jsonl', 'a.jsonl'],
  ['a\u0000b.jsonl', 'a_b.jsonl'],
  ['a\u001b[31mb\u202e\u2028.jsonl', 'a_[31mb__.jsonl'],
  ['..', 'upload'],
  ['', 'upload'],
  ['x'.repeat(400), 'x'.repeat(255)],
  ['a"; filename="b.jsonl', 'a"; filename="b.jsonl'],
  ["naïve 'ü'.jsonl", "naïve 'ü'.jsonl"],
])('keeps of the filename %j what is a name', async (given, kept) => {
  const service = await openTestService();
  const client = await service.client('one');
  const file = await client.files.create({ file: trainingFile(given), purpose: 'fine-tune' });
  const isEscaped = given.includes('"');
  if (!isEscaped) expect(file.filename).toBe(kept);
  expect((await filesUnder(service.folder)).map((path) => path.slice(service.folder.length))).toEqual([
    expect.stringMatching(/^[\w/.-]+$/),
  ]);
  const download = await client.files.content(file.id);
  const disposition = download.headers.get('content-disposition')!;
  expect(disposition).toMatch(/^attachment; filename="[\w .()-]*"; filename\*=UTF-8''[\w.!~%-]*$/);
  expect(decodeURIComponent(disposition.split("UTF-8''")[1]!)).toBe(file.filename);
  expect(download.headers.get('content-type')).toBe('application/octet-stream');
  expect(download.headers.get('x-content-type-options')).toBe('nosniff');
});

const jobBody = { model: 'tiny', training_file: 'file-x' };

it.each([
  ['no JSON', '{', 400, null],
  ['nothing', '', 400, null],
  ['a number', '1', 400, null],
  ['a list', '[]', 400, null],
  ['null', 'null', 400, null],
  ['a prototype', '{"__proto__": {"a": 1}, "model": "tiny"}', 400, null],
  ['a constructor', '{"constructor": {"prototype": {"a": 1}}}', 400, null],
  ['depth', `{"model": ${'['.repeat(300_000)}${']'.repeat(300_000)}}`, 400, 'model'],
  ['a deep name', `{"${'a'.repeat(300_000)}": 1}`, 400, null],
  ['many names', `{${Array.from({ length: 50_000 }, (_, index) => `"k${index}": 1`).join(',')}}`, 400, null],
  ['too much', `{"model": "${'x'.repeat(3 * 2 ** 20)}"}`, 413, null],
  ['a huge number', JSON.stringify({ ...jobBody, seed: 0 }).replace('"seed":0', '"seed":1e400'), 400, 'seed'],
  ['a huge count', JSON.stringify({ ...jobBody, hyperparameters: { n_epochs: 1e15 } }), 400, null],
  ['a fraction', JSON.stringify({ ...jobBody, seed: 1.5 }), 400, 'seed'],
  ['an unknown name', JSON.stringify({ ...jobBody, regularizers: [] }), 400, 'regularizers'],
  [
    'a deep unknown name',
    JSON.stringify({ ...jobBody, method: { type: 'supervised', x: 1 } }),
    400,
    'method.x',
  ],
  ['a model of a prototype', JSON.stringify({ ...jobBody, model: 'constructor' }), 400, 'training_file'],
])('refuses a body with %s', async (_name, body, status, param) => {
  const service = await openTestService();
  const key = await service.key('one');
  const headers = { 'content-type': 'application/json' };
  const refused = await refusal(
    service.fetch('/v1/fine_tuning/jobs', key, { method: 'POST', headers, body }),
  );
  expect(refused.status).toBe(status);
  if (param !== null) expect(refused.param).toBe(param);
  expect(refused.message.length).toBeLessThan(1000);
  expect(({} as { a?: unknown }).a).toBeUndefined();
  expect((await service.fetch('/healthz', undefined)).status).toBe(200);
});

it.each([
  ['limit=1&limit=2', 'limit'],
  ['limit=0', 'limit'],
  ['limit=1e9', 'limit'],
  ['limit=-1', 'limit'],
  ['limit=NaN', 'limit'],
  ['order=sideways', 'order'],
  ['after=a%00b', 'after'],
  ["after=' OR 1=1 --", 'after'],
  ['tenant=two', 'tenant'],
  ['limit[a]=1', 'limit'],
  ['__proto__[tenant]=two', null],
  ['constructor=1', null],
  [Array.from({ length: 60 }, (_, index) => `a${index}=1`).join('&'), null],
])('refuses the query %s', async (query, param) => {
  const service = await openTestService();
  const refused = await refusal(service.fetch(`/v1/files?${query}`, await service.key('one')));
  expect(refused.status).toBe(400);
  if (param !== null) expect(refused.param).toBe(param);
});

it.each([
  ['GET', '/v1/none', 404],
  ['GET', '/v1/files/..%2f..%2fetc%2fpasswd', 404],
  ['GET', '/v1/files/file-%00', 404],
  ['GET', '/v1/files/%ff', 400],
  ['GET', `/v1/files/${'x'.repeat(400)}`, 404],
  ['GET', '/v1//files', 404],
  ['PUT', '/v1/files', 405],
  ['DELETE', '/v1/files', 405],
  ['OPTIONS', '/v1/files', 405],
  ['PATCH', '/v1/fine_tuning/jobs/ftjob-x', 405],
  ['PROPFIND', '/v1/files', 404],
])('answers %s %s in OpenAI’s form with %i', async (method, path, status) => {
  const service = await openTestService();
  const key = await service.key('one');
  const answer = await raw(
    service,
    `${method} ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nConnection: close\r\n\r\n`,
  );
  const [head, body] = answer.split('\r\n\r\n');
  expect(Number(head!.split(' ')[1])).toBeOneOf(path.length > 300 ? [404, 414] : [status]);
  const { error } = JSON.parse(body!) as ErrorBody;
  expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
  if (status === 405) expect(head!.toLowerCase()).toContain('allow: ');
});

it.each([
  'text/plain',
  'application/xml',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
])('takes no body of the type %s where JSON belongs', async (type) => {
  const service = await openTestService();
  const init = { method: 'POST', headers: { 'content-type': type }, body: '{}' };
  const refused = await refusal(service.fetch('/v1/fine_tuning/jobs', await service.key('one'), init));
  expect(refused.status).toBe(415);
});

it('takes no JSON where a form belongs', async () => {
  const service = await openTestService();
  const init = { method: 'POST', headers: { 'content-type': 'application/json' }, body: '{}' };
  expect((await refusal(service.fetch('/v1/files', await service.key('one'), init))).status).toBe(415);
});

it('ends what is too slow, too large in its headers, or no HTTP', async () => {
  const limits = { headersTimeout: 300, requestTimeout: 600, idleTimeout: 300 };
  const service = await openTestService('limits: {}', limits);
  const key = await service.key('one');
  expect(await raw(service, 'GET /v1/files HTTP/1.1\r\nHost: x\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  const post = (type: string) =>
    `POST /v1/fine_tuning/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${type}\r\n`;
  // The connection ends; what it says before that is of no matter.
  await raw(service, `${post('application/json')}Content-Length: 100\r\n\r\n{`);
  const upload = post(`multipart/form-data; boundary=${boundary}`).replace('fine_tuning/jobs', 'files');
  await raw(service, `${upload}Content-Length: 10000\r\n\r\n${purpose}${fileHead()}{`);
  await until(async () => (await filesUnder(service.folder)).length === 0);
  const large = `GET /v1/files HTTP/1.1\r\nHost: x\r\nX-A: ${'x'.repeat(40_000)}\r\n\r\n`;
  expect(await raw(service, large)).toMatch(/^HTTP\/1\.1 431 .*"invalid_request_error"/s);
  expect(await raw(service, 'hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 /);
  expect(
    await raw(
      service,
      'POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    ),
  ).toMatch(/^HTTP\/1\.1 400 /);
  expect((await service.fetch('/healthz', undefined)).status).toBe(200);
});

it('bounds the streams that are open, and forgets those that are left', async () => {
  const service = await openTestService('limits: {}', { streams: 12, streamsOfKey: 10, keepAlive: 20 });
  const client = await service.client('one');
  const file = await client.files.create({ file: trainingFile(), purpose: 'fine-tune' });
  const job = await client.fineTuning.jobs.create({ model: 'tiny', training_file: file.id });
  const path = `/v1/fine_tuning/jobs/${job.id}/events?stream=true`;
  const key = await service.key('one');
  const leave = new AbortController();
  const open = (value = key) => service.fetch(path, value, { signal: leave.signal });
  const opened = await Promise.all(Array.from({ length: 25 }, () => open()));
  expect(opened.filter(({ status }) => status === 200)).toHaveLength(10);
  expect(await refusal(opened.find(({ status }) => status === 429)!)).toMatchObject({
    code: 'too_many_streams',
  });
  const others = await Promise.all(Array.from({ length: 4 }, async () => open(await service.key('one'))));
  expect(others.filter(({ status }) => status === 200)).toHaveLength(2);
  const reader = opened.find(({ status }) => status === 200)!.body!.getReader();
  let text = '';
  while (!text.includes('keep-alive')) text += new TextDecoder().decode((await reader.read()).value);
  expect(text).toContain(`data: {"id":"ftevent-`);
  leave.abort();
  await until(async () => {
    const one = await service.fetch(path, key, { signal: AbortSignal.timeout(5000) });
    await one.body?.cancel();
    return one.status === 200;
  });
  await client.fineTuning.jobs.cancel(job.id);
  const whole = await (await service.fetch(path, key)).text();
  expect(whole.trim().split('\n\n').at(-1)).toBe('data: [DONE]');
});

/** What a server answers to bytes, until it ends the connection. */
function raw({ address }: TestService, request: string): Promise<string> {
  const { hostname, port } = new URL(address);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(request));
    let answer = '';
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      answer += text;
      // A connection that is kept has said what it has to say.
      if (/^HTTP\/1\.1 413/.test(answer)) socket.end();
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error),
    );
  });
}

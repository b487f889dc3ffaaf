import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  adapterRepository,
  emptyFolder,
  type Fault,
  hubServer,
  sha256,
} from '../../../conformance/hub-server.ts';
import { fetchAdapter } from './__fixtures__/adapter.ts';
import { HubError } from './errors.ts';
import { type HubDownloadOptions, openHubSnapshot } from './snapshot.ts';

const server = hubServer();
const cache = emptyFolder();
const name = 'owner/adapter';
const weights = 'adapter_model.safetensors';
const token = 'hf_secretsecret';
const options = (more: HubDownloadOptions = {}): HubDownloadOptions => ({
  endpoint: server.endpoint(),
  cacheDirectory: cache(),
  token,
  timeoutMs: 5000,
  retries: 2,
  ...more,
});
const blobs = () => join(cache(), 'models--owner--adapter/blobs');
const ranges = () => server.seen.filter(({ host }) => host === 'storage').map(({ range }) => range);

/** Serves an adapter whose weights suffer the faults. */
function serve(...faults: Fault[]): Buffer {
  const files = adapterRepository();
  server.repositories.set(`models/${name}`, files);
  server.faults.push(...faults);
  return files.get(weights)!.content;
}

async function expectWhole(content: Buffer): Promise<void> {
  expect(await readFile(await fetchAdapter(name, options()))).toEqual(content);
  expect((await readdir(blobs())).filter((blob) => blob.includes('.'))).toEqual([]);
}

describe('a connection that is lost', () => {
  it('in the middle is taken up again where it stopped, however often, as long as something comes', async () => {
    const content = serve(...[1, 2, 3, 4].map(() => ({ cutAfter: 60_000 })));
    await expectWhole(content);
    expect(ranges()).toEqual([undefined, ...[1, 2, 3, 4].map((part) => `bytes=${part * 60_000}-`)]);
  });

  it('is begun again where the server knows no ranges', async () => {
    const content = serve({ cutAfter: 60_000 }, { ignoresRange: true });
    await expectWhole(content);
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
  });

  it('and that brings nothing is given up, and what had come is gone on with', async () => {
    const content = serve({ cutAfter: 60_000 }, { status: 503 }, { status: 503 });
    await expect(fetchAdapter(name, options())).rejects.toMatchObject({
      problem: 'interrupted',
      message: expect.stringContaining('byte 60000 of 300000'),
    });
    await expectWhole(content);
    expect(ranges().at(-1)).toBe('bytes=60000-');
  });

  it('is noticed when it only falls silent', async () => {
    const content = serve({ stallsAfter: 60_000 });
    expect(await readFile(await fetchAdapter(name, options({ timeoutMs: 300 })))).toEqual(content);
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
  });
});

describe('a download that is stopped', () => {
  it('by a signal ends at once with its reason, and goes on next time', async () => {
    const content = serve({ stallsAfter: 60_000 });
    const controller = new AbortController();
    const reason = new Error('enough');
    const stopped = fetchAdapter(
      name,
      options({
        signal: controller.signal,
        onProgress: ({ bytes }) => bytes > 50_000 && controller.abort(reason),
      }),
    );
    await expect(stopped).rejects.toBe(reason);
    await expectWhole(content);
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
    await expect(fetchAdapter(name, options({ signal: AbortSignal.abort(reason) }))).resolves.toBeDefined();
  });

  it('by the end of its process goes on in the next one', async () => {
    const content = serve({ stallsAfter: 60_000 });
    const program = `
      import { fetchAdapter } from ${JSON.stringify(new URL('./__fixtures__/adapter.ts', import.meta.url).href)};
      await fetchAdapter('${name}', {
        ...${JSON.stringify(options())},
        onProgress: ({ bytes }) => bytes > 50_000 && process.send('halfway'),
      });`;
    const child = spawn(
      process.execPath,
      ['--conditions=safetune-source', '--input-type=module', '--eval', program],
      { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] },
    );
    await once(child, 'message');
    child.kill('SIGKILL');
    await once(child, 'exit');
    await expectWhole(content);
    expect(ranges()).toEqual([undefined, 'bytes=60000-']);
  });

  it('whose part was damaged meanwhile is begun again', async () => {
    const content = serve({ cutAfter: 60_000 }, { status: 503 }, { status: 503 });
    await expect(fetchAdapter(name, options())).rejects.toThrow();
    const [part] = (await readdir(blobs())).filter((blob) => blob.endsWith('.safetune.incomplete'));
    await writeFile(join(blobs(), part!), Buffer.alloc(60_000));
    await expectWhole(content);
    expect(ranges().slice(-2)).toEqual(['bytes=60000-', undefined]);
  });
});

describe('bytes', () => {
  it('that are not those the hub states never get their name', async () => {
    const content = serve({ isWrong: true });
    await expect(fetchAdapter(name, options())).rejects.toMatchObject({
      problem: 'wrong-bytes',
      message: expect.stringContaining(`does not have the sha256 hash ${sha256(content)}`),
    });
    expect((await readdir(blobs())).filter((blob) => blob.startsWith(sha256(content)))).toEqual([]);
    await expectWhole(content);
  });

  it('of small files are checked as git does', async () => {
    serve();
    const snapshot = await openHubSnapshot({ type: 'model', name, revision: 'main' }, options());
    const files = server.repositories.get(`models/${name}`)!;
    files.set('README.md', { content: Buffer.from('# Adopter\n'), isLarge: false });
    await expect(snapshot.download(['README.md'])).rejects.toMatchObject({ problem: 'wrong-bytes' });
  });

  it('beyond the stated size are not taken', async () => {
    const content = serve();
    server.repositories.get(`models/${name}`)!.set(weights, { content, isLarge: true, statedSize: 1000 });
    await expect(fetchAdapter(name, options())).rejects.toThrow('has more than the 1000 bytes');
  });

  it('that do not fit on the disk are not asked for', async () => {
    const content = serve();
    server.repositories.get(`models/${name}`)!.set(weights, { content, isLarge: true, statedSize: 1e15 });
    await expect(fetchAdapter(name, options())).rejects.toMatchObject({
      problem: 'space',
      message: expect.stringContaining('1000000.00 GB are to be fetched'),
    });
    expect(ranges()).toEqual([]);
  });
});

describe('the token', () => {
  it('goes to the hub and to no other host', async () => {
    serve();
    server.gated.set(`models/${name}`, token);
    await fetchAdapter(name, options());
    const sent = (host: string) =>
      new Set(
        server.seen.filter((request) => request.host === host).map(({ authorization }) => authorization),
      );
    expect(sent('hub')).toEqual(new Set([`Bearer ${token}`]));
    expect(sent('storage')).toEqual(new Set([undefined]));
  });

  it('is asked for where it is missing or not enough, and never told', async () => {
    serve();
    server.gated.set(`models/${name}`, 'hf_another');
    const refusal = async (more: HubDownloadOptions) => {
      const error = await fetchAdapter(name, options(more)).catch((caught: unknown) => caught);
      expect(HubError.isInstance(error)).toBe(true);
      expect(`${(error as Error).message} ${JSON.stringify(error)}`).not.toContain(token);
      return error as HubError;
    };
    const without = await refusal({ token: '' });
    expect([without.problem, without.message]).toEqual([
      'not-allowed',
      expect.stringContaining('set HF_TOKEN'),
    ]);
    expect(without.message).toContain(`Ask for it at ${server.endpoint()}/${name}`);
    expect(await refusal({})).toMatchObject({
      problem: 'not-allowed',
      message: expect.stringContaining('see that the token in HF_TOKEN'),
    });
  });
});

describe('what the hub does not have', () => {
  it.each([
    ['owner/other', 'not-found', 'has no such model, or hides it'],
    [`${name}@v2`, 'revision', "has no revision 'v2'"],
  ])('%s is said to be so', async (text, problem, message) => {
    serve();
    await expect(fetchAdapter(text, options({ token: '' }))).rejects.toMatchObject({
      problem,
      message: expect.stringContaining(message),
    });
  });
});

it('a data set comes the same way, of its files those that are chosen', async () => {
  const rows = Buffer.from('{"a": 1}\n'.repeat(100));
  server.repositories.set(
    'datasets/owner/rows',
    new Map(
      ['README.md', 'data/test.jsonl', 'data/train.jsonl'].map((path) => [
        path,
        { content: rows, isLarge: true },
      ]),
    ),
  );
  const repository = { type: 'dataset', name: 'owner/rows', revision: 'main' } as const;
  const snapshot = await openHubSnapshot(repository, options());
  expect([...snapshot.files.keys()]).toEqual(['README.md', 'data/test.jsonl', 'data/train.jsonl']);
  await snapshot.download(['data/train.jsonl']);
  await snapshot.remember();
  expect(snapshot.folder).toBe(join(cache(), 'datasets--owner--rows/snapshots', server.commit));
  expect(await readdir(snapshot.folder, { recursive: true })).toEqual(['data', 'data/train.jsonl']);
  expect(await readFile(join(snapshot.folder, 'data/train.jsonl'))).toEqual(rows);
  await expect(snapshot.download(['data/none.jsonl'])).rejects.toMatchObject({ problem: 'file' });
});

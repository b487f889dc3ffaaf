import { execFile } from 'node:child_process';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { closedAddress, emptyFolder, hubServer } from '../../../../conformance/hub-server.ts';
import { pythonWith } from '../../../../conformance/python.ts';
import type { HubDownloadOptions } from '../snapshot.ts';
import { resolveDataset } from './resolve-dataset.ts';

const server = hubServer();
const cache = emptyFolder();
const name = 'owner/advice';
const options = (more: HubDownloadOptions = {}): HubDownloadOptions => ({
  endpoint: server.endpoint(),
  cacheDirectory: cache(),
  token: '',
  ...more,
});
const snapshot = () => join(cache(), 'datasets--owner--advice/snapshots', server.commit);
const fetched = () =>
  server.seen.flatMap(({ host, path }) =>
    host === 'hub' && path.includes('/resolve/') ? [path.slice(path.indexOf(server.commit) + 41)] : [],
  );

/** A repository of these files, each holding its own path. */
function serve(...paths: readonly (string | readonly [string, string])[]): void {
  const files = paths.map((path) => (typeof path === 'string' ? ([path, path] as const) : path));
  server.repositories.set(
    `datasets/${name}`,
    new Map(
      files.map(([path, text]) => [path, { content: Buffer.from(text), isLarge: path.endsWith('.parquet') }]),
    ),
  );
}

describe('a data set on the hub', () => {
  it('comes by its split, and no other file of it', async () => {
    serve('README.md', 'data/train-00000-of-00001.parquet', 'data/test-00000-of-00001.parquet', 'more.bin');
    const { paths, hub } = await resolveDataset(name, options());
    expect(paths).toEqual([join(snapshot(), 'data/train-00000-of-00001.parquet')]);
    expect(await readFile(paths[0]!, 'utf8')).toBe('data/train-00000-of-00001.parquet');
    expect(hub).toMatchObject({ type: 'dataset', name, revision: 'main', commit: server.commit });
    expect(fetched().sort()).toEqual(['README.md', 'data/train-00000-of-00001.parquet']);
    const test = await resolveDataset(`${name}:test`, options());
    expect(test.paths).toEqual([join(snapshot(), 'data/test-00000-of-00001.parquet')]);
  });

  it('comes by its configuration, by a file and by a pattern', async () => {
    const card =
      '---\nconfigs:\n- {config_name: en, data_dir: en, default: true}\n- {config_name: de, data_dir: de}\n---\n';
    serve(['README.md', card], 'en/train.csv', 'de/train.csv', 'de/test.csv');
    const pathsOf = async (text: string) =>
      (await resolveDataset(text, options())).paths.map((path) => path.slice(snapshot().length + 1));
    expect(await pathsOf(name)).toEqual(['en/train.csv']);
    expect(await pathsOf(`hf://${name}:de/test`)).toEqual(['de/test.csv']);
    expect(await pathsOf(`${name}@v1:en/train.csv`)).toEqual(['en/train.csv']);
    expect(await pathsOf(`${name}:de/*.csv`)).toEqual(['de/test.csv', 'de/train.csv']);
    await expect(pathsOf(`${name}:fr/train`)).rejects.toThrow("has no configuration 'fr'; it has en, de");
    await expect(pathsOf(`${name}:validation`)).rejects.toThrow("has no split 'validation'; it has train");
    await expect(pathsOf(`${name}:none.csv`)).rejects.toThrow(
      /has no file 'none.csv'; it has .*de\/test.csv/,
    );
  });

  it('is found without asking, and offline', async () => {
    serve('README.md', 'train.jsonl', 'test.jsonl');
    const first = await resolveDataset(name, options());
    server.seen.length = 0;
    expect(await resolveDataset(name, options())).toEqual(first);
    expect((await resolveDataset(`${name}@${server.commit}`, options({ offline: true }))).paths).toEqual(
      first.paths,
    );
    expect(server.seen).toEqual([]);
    await expect(resolveDataset(`${name}:test`, options({ offline: true }))).rejects.toMatchObject({
      problem: 'offline',
    });
  });

  it.each([
    [
      'of several configurations without a default',
      '---\nconfigs:\n- {config_name: a}\n- {config_name: b}\n---\n',
      'owner/advice:a/train',
    ],
    [
      'with a card that is broken',
      '---\nconfigs: 5\n---\n',
      'the front matter of its README.md is not what it should be',
    ],
  ])('%s is refused', async (_, card, message) => {
    serve(['README.md', card], 'train.csv');
    await expect(resolveDataset(name, options())).rejects.toMatchObject({
      problem: 'file',
      message: expect.stringContaining(message),
    });
  });

  it('that a program makes is refused: none is run', async () => {
    serve('README.md', 'advice.py');
    await expect(resolveDataset(name, options())).rejects.toThrow(`${name}@refs/convert/parquet`);
  });
});

it('a path of this machine stays one', async () => {
  const folder = `${cache()}/set`;
  await mkdir(folder);
  for (const path of [folder, 'none/chats.jsonl', './owner/name', 'chats.csv.gz']) {
    expect(await resolveDataset(path, options())).toEqual({ paths: [path], hub: undefined });
  }
  expect(server.seen).toEqual([]);
});

it('without a network it is said what would be fetched, and how to bring it', async () => {
  const error = await resolveDataset(name, options({ endpoint: await closedAddress(), retries: 0 })).catch(
    (caught: unknown) => caught,
  );
  expect((error as Error).message).toContain(`hf download ${name} --repo-type dataset --local-dir FOLDER`);
  expect((error as Error).message).toContain('datasets--owner--advice');
});

const python = pythonWith('huggingface_hub');
it.skipIf(python === undefined)('what Python fetched is read offline (skipped without it)', async () => {
  serve('README.md', 'train.jsonl', 'test.jsonl');
  const code = `import huggingface_hub as h; h.snapshot_download("${name}", repo_type="dataset")`;
  const env = {
    ...process.env,
    HF_HOME: join(cache(), 'home'),
    HF_HUB_CACHE: cache(),
    HF_ENDPOINT: server.endpoint(),
  };
  await promisify(execFile)(python!, ['-c', code], { env });
  const { paths } = await resolveDataset(name, options({ offline: true }));
  expect(paths).toEqual([join(snapshot(), 'train.jsonl')]);
  await rm(join(snapshot(), 'train.jsonl'));
  await expect(resolveDataset(name, options({ offline: true }))).rejects.toMatchObject({
    problem: 'offline',
  });
});

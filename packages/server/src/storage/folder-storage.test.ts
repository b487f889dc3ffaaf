import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openFolderStorage } from './folder-storage.ts';
import { storageContract } from './testing/storage-contract.ts';

storageContract('a storage in a folder', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-storage-'));
  const root = join(directory, 'deep', 'storage');
  return {
    open: () => openFolderStorage(root),
    opening: `(await import('../folder-storage.ts')).openFolderStorage(${JSON.stringify(root)})`,
    remove: () => rm(directory, { recursive: true, force: true }),
  };
});

let directory: string;
let root: string;
let outside: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-storage-'));
  root = join(directory, 'storage');
  outside = join(directory, 'outside');
  await mkdir(outside);
  await writeFile(join(outside, 'secret'), 'secret');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

it('follows no links out of its folder', async () => {
  const storage = await openFolderStorage(root);
  await storage.put('a/b', Readable.from(['content']));
  await symlink(outside, join(root, 'linked'));
  await symlink(join(outside, 'secret'), join(root, 'a', 'secret'));
  for (const key of ['linked/secret', 'a/secret'])
    await expect(storage.read(key)).rejects.toMatchObject({ problem: 'missing' });
  expect(await storage.list('')).toEqual(['a/b']);
  expect(await storage.list('linked/')).toEqual([]);
  await expect(storage.put('linked/new', Readable.from(['x']))).rejects.toMatchObject({ problem: 'failed' });
  // The link is replaced, not what it points to.
  await storage.put('a/secret', Readable.from(['mine']));
  await storage.remove('linked/secret');
  await storage.remove('linked/');
  await storage.remove('linked');
  expect(await readdir(outside)).toEqual(['secret']);
  expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
});

it.skipIf(process.platform === 'win32')('does not wait for a named pipe', async () => {
  const storage = await openFolderStorage(root);
  execFileSync('mkfifo', [join(root, 'pipe')]);
  await expect(storage.read('pipe')).rejects.toMatchObject({ problem: 'missing' });
  expect(await storage.list('')).toEqual([]);
});

it('removes what a process that died was writing, and leaves what is being written', async () => {
  await (await openFolderStorage(root)).close();
  const temporary = join(root, '.temporary');
  await writeFile(join(temporary, 'put-old'), 'half');
  await writeFile(join(temporary, 'put-new'), 'half');
  await mkdir(join(temporary, 'removed-1', 'deep'), { recursive: true });
  const twoDaysAgo = new Date(Date.now() - 2 * 24 * 60 * 60 * 1000);
  await utimes(join(temporary, 'put-old'), twoDaysAgo, twoDaysAgo);
  const storage = await openFolderStorage(root);
  expect(await readdir(temporary)).toEqual(['put-new']);
  expect(await storage.list('')).toEqual([]);
});

it('says when its folder cannot be used', async () => {
  await expect(openFolderStorage(join(outside, 'secret'))).rejects.toMatchObject({
    name: 'StorageError',
    problem: 'failed',
  });
});

it('cannot hold a content and others under it', async () => {
  const storage = await openFolderStorage(root);
  await storage.put('a/b', Readable.from(['content']));
  await expect(storage.put('a/b/c', Readable.from(['x']))).rejects.toMatchObject({ problem: 'failed' });
  await expect(storage.put('a', Readable.from(['x']))).rejects.toMatchObject({ problem: 'failed' });
  expect(await storage.list('')).toEqual(['a/b']);
});

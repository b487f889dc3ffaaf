import { execFileSync } from 'node:child_process';
import { mkdir, readFile, realpath, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { useTemporaryDirectory } from '../safetensors/__fixtures__/temporary-directory.ts';
import { FileReadError } from './errors.ts';
import { type OpenFileOptions, openRegularFile } from './open-file.ts';

const directory = useTemporaryDirectory();
const inside = (...parts: string[]) => join(directory(), 'tenant', ...parts);

async function contentOf(path: string, options?: OpenFileOptions): Promise<string> {
  const { handle, realPath, byteLength } = await openRegularFile(path, options);
  try {
    const text = await handle.readFile('utf8');
    expect(byteLength).toBe(text.length);
    expect(await readFile(realPath, 'utf8')).toBe(text);
    return text;
  } finally {
    await handle.close();
  }
}

async function problemOf(
  path: string,
  options: OpenFileOptions = { folder: inside() },
): Promise<FileReadError> {
  const error: unknown = await contentOf(path, options).then(
    (text) => expect.fail(`it was read: ${text}`),
    (thrown: unknown) => thrown,
  );
  if (!FileReadError.isInstance(error)) throw error;
  return error;
}

async function fill(): Promise<void> {
  await mkdir(inside('below'), { recursive: true });
  await writeFile(join(directory(), 'secret'), 'secret');
  await writeFile(inside('own'), 'own');
  await writeFile(inside('below', 'own'), 'below');
}

afterEach(() => vi.unstubAllEnvs());

describe.skipIf(process.platform === 'win32')('openRegularFile', () => {
  it('reads files of the folder, and links that stay in it', async () => {
    await fill();
    await symlink('below/own', inside('link'));
    expect(await contentOf(inside('own'), { folder: inside() })).toBe('own');
    expect(await contentOf(inside('link'), { folder: inside() })).toBe('below');
  });

  it('refuses links out of it, of the file or of a folder on the way, and never shows what is there', async () => {
    await fill();
    await symlink('../secret', inside('link'));
    await symlink(directory(), inside('away'));
    await symlink('loop', inside('loop'));
    for (const path of [inside('link'), inside('away', 'secret'), inside('..', 'secret'), inside('loop')]) {
      const error = await problemOf(path);
      expect(error.problem).toBe('outside');
      expect(error.message).toContain('SAFETUNE_FOLLOW_LINKS');
    }
  });

  it('is not deceived by a folder whose name begins alike', async () => {
    await fill();
    await mkdir(`${inside()}-two`);
    await writeFile(join(`${inside()}-two`, 'file'), 'other');
    await symlink('../tenant-two/file', inside('link'));
    expect((await problemOf(inside('link'))).problem).toBe('outside');
  });

  it('follows links where the environment says so, and where the user named the file', async () => {
    await fill();
    await symlink('../secret', inside('link'));
    expect(await contentOf(inside('link'))).toBe('secret');
    vi.stubEnv('SAFETUNE_FOLLOW_LINKS', '1');
    expect(await contentOf(inside('link'), { folder: inside() })).toBe('secret');
  });

  it('takes a folder that is itself a link', async () => {
    await fill();
    await symlink('tenant', join(directory(), 'named'));
    const folder = join(directory(), 'named');
    expect(await contentOf(join(folder, 'own'), { folder })).toBe('own');
  });

  it("reads the Hugging Face cache's layout, and only its own blobs", async () => {
    const hub = join(directory(), 'hub');
    const revision = join(hub, 'models--org--name', 'snapshots', '0123abc');
    for (const repository of ['models--org--name', 'models--org--other']) {
      await mkdir(join(hub, repository, 'blobs'), { recursive: true });
      await writeFile(join(hub, repository, 'blobs', 'digest'), repository);
    }
    await mkdir(revision, { recursive: true });
    await symlink('../../blobs/digest', join(revision, 'model.safetensors'));
    await symlink('../../../models--org--other/blobs/digest', join(revision, 'config.json'));
    expect(await contentOf(join(revision, 'model.safetensors'), { folder: revision })).toBe(
      'models--org--name',
    );
    expect((await problemOf(join(revision, 'config.json'), { folder: revision })).problem).toBe('outside');
  });

  it('reads what the Hugging Face cache shares among repositories, and nothing else beside it', async () => {
    const hub = join(directory(), 'hub');
    const digest = 'ab'.repeat(32);
    const repository = join(hub, 'datasets--org--name');
    const revision = join(repository, 'snapshots', '0123abc');
    await mkdir(join(hub, 'blobs', 'ab'), { recursive: true });
    await mkdir(join(repository, 'blobs'), { recursive: true });
    await mkdir(revision, { recursive: true });
    await writeFile(join(hub, 'blobs', 'ab', digest), 'shared');
    await writeFile(join(hub, 'blobs', 'ab', 'other'), 'other');
    await symlink(`../../blobs/ab/${digest}`, join(repository, 'blobs', 'digest'));
    await symlink('../../blobs/digest', join(revision, 'rows.parquet'));
    await symlink('../../../blobs/ab/other', join(revision, 'other.parquet'));
    expect(await contentOf(join(revision, 'rows.parquet'), { folder: revision })).toBe('shared');
    expect((await problemOf(join(revision, 'other.parquet'), { folder: revision })).problem).toBe('outside');
  });

  it('refuses pipes and devices without waiting for them, and folders', async () => {
    await fill();
    execFileSync('mkfifo', [inside('pipe')]);
    expect(await problemOf(inside('pipe'))).toMatchObject({ problem: 'not-a-file', reason: /pipe/ });
    expect(await problemOf(inside('below'))).toMatchObject({ problem: 'not-a-file', reason: /a folder/ });
    expect(await problemOf('/dev/zero', {})).toMatchObject({ problem: 'not-a-file', reason: /device/ });
    expect(await problemOf(inside('absent'))).toMatchObject({ problem: 'missing' });
    expect(await problemOf(inside('own', 'x'))).toMatchObject({ problem: 'missing' });
  });

  it.runIf(process.platform === 'linux')('sees a folder that is replaced by a link meanwhile', async () => {
    await fill();
    const real = await realpath(inside());
    // Whatever the order in which the two race, the secret is never read.
    for (let round = 0; round < 50; round++) {
      const reading = contentOf(join(real, 'below', 'own'), { folder: real }).catch(
        (error: unknown) => error,
      );
      await rename(inside('below'), inside('moved'));
      await symlink(join(directory(), 'elsewhere'), inside('below'));
      await mkdir(join(directory(), 'elsewhere'), { recursive: true });
      await writeFile(join(directory(), 'elsewhere', 'own'), 'secret');
      const result = await reading;
      expect(result === 'below' || FileReadError.isInstance(result)).toBe(true);
      await rm(inside('below'));
      await rename(inside('moved'), inside('below'));
    }
  });
});

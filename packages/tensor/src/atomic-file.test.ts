import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AtomicFile, FileWriteError, writeFileAtomically } from './atomic-file.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';

const directory = useTemporaryDirectory();

describe('writeFileAtomically', () => {
  it('writes text, bytes and chunks, replacing what was there, and leaves nothing else behind', async () => {
    const path = join(directory(), 'file');
    await writeFileAtomically(path, 'größe');
    expect(await readFile(path, 'utf8')).toBe('größe');
    await writeFileAtomically(path, Uint8Array.of(1, 2));
    expect([...(await readFile(path))]).toEqual([1, 2]);
    await writeFileAtomically(path, ['a', Uint8Array.of(0x62), 'c']);
    expect(await readFile(path, 'utf8')).toBe('abc');
    expect(await readdir(directory())).toEqual(['file']);
  });

  it('keeps the old file when the source of chunks fails', async () => {
    const path = join(directory(), 'file');
    await writeFile(path, 'old');
    const failing = async function* () {
      yield 'new';
      throw new RangeError('stop');
    };
    await expect(writeFileAtomically(path, failing())).rejects.toThrow(RangeError);
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(directory())).toEqual(['file']);
  });

  it('names the path that cannot be written', async () => {
    const path = join(directory(), 'absent', 'file');
    const error = await writeFileAtomically(path, 'x').catch((thrown: unknown) => thrown);
    expect(FileWriteError.isInstance(error) && error.path).toBe(path);
    await writeFile(join(directory(), 'plain'), '');
    await expect(writeFileAtomically(directory(), 'x')).rejects.toThrow(FileWriteError);
    expect(await readdir(directory())).toEqual(['plain']);
  });
});

describe('AtomicFile', () => {
  it('shows nothing at the path before commit, everything after', async () => {
    const path = join(directory(), 'file');
    const file = await AtomicFile.create(path);
    await file.write('one ');
    await file.write('two');
    await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' });
    await file.commit();
    await file.discard();
    expect(await readFile(path, 'utf8')).toBe('one two');
    await expect(file.write('late')).rejects.toThrow(/already committed/);
  });

  it.skipIf(process.platform === 'win32')('is for the user alone on request', async () => {
    const path = join(directory(), 'secret');
    await writeFileAtomically(path, 'x', { private: true });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it('lets two writers of one path both finish, whole', async () => {
    const path = join(directory(), 'file');
    const [first, second] = await Promise.all([AtomicFile.create(path), AtomicFile.create(path)]);
    await Promise.all([first.write('first'), second.write('second')]);
    await first.commit();
    await second.commit();
    expect(await readFile(path, 'utf8')).toBe('second');
    expect(await readdir(directory())).toEqual(['file']);
  });
});

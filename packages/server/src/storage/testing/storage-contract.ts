import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { startProgram } from '../../testing/child-program.ts';
import type { Storage } from '../storage.ts';

/** An empty storage of one kind, to be tried. */
export interface StorageSubject {
  /** Opens the same storage once more. The contract closes what it opens. */
  open(): Promise<Storage>;
  /** A TypeScript expression that opens it in another process; imports in it are relative to this folder. */
  readonly opening: string;
  /** Removes everything. */
  remove(): Promise<void>;
}

const oddKeys = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '.',
  '../x',
  'a/../b',
  'a/./b',
  'a//b',
  '.hidden',
  'a/.hidden',
  'a\\b',
  'C:\\x',
  'C:x',
  'a b',
  'a\nb',
  'a\u0000b',
  'ä',
  'a%2e%2e',
  'a?b',
  'a#b',
  '~',
  'x'.repeat(201),
  'x/'.repeat(450).concat('x'),
];

/** What any storage must keep to, wherever it keeps things. */
export function storageContract(name: string, makeSubject: () => Promise<StorageSubject>): void {
  describe(name, () => {
    let folder: string;
    let subject: StorageSubject;
    let storage: Storage;
    const opened: Storage[] = [];
    const open = async () => {
      const again = await subject.open();
      opened.push(again);
      return again;
    };
    const put = (key: string, content: string) => storage.put(key, Readable.from([content]));
    const read = async (key: string) => text(await storage.read(key));

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'safetune-contents-'));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));
    beforeEach(async () => {
      subject = await makeSubject();
      storage = await open();
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map((each) => each.close()));
      await subject.remove();
    });

    it.each([0, 1, 65_537, 3_000_000])('keeps %d bytes of a stream and of a file', async (bytes) => {
      const content = randomBytes(bytes);
      const expected = { bytes, sha256: createHash('sha256').update(content).digest('hex') };
      const path = join(folder, 'content');
      await writeFile(path, content);
      const pieces = Array.from({ length: Math.ceil(bytes / 50_000) }, (_, index) =>
        content.subarray(index * 50_000, (index + 1) * 50_000),
      );
      expect(await storage.put('files/streamed', Readable.from(pieces))).toEqual(expected);
      expect(await storage.put('files/from-file', path)).toEqual(expected);
      const other = await open();
      for (const key of ['files/streamed', 'files/from-file']) {
        expect((await buffer(await other.read(key))).equals(content)).toBe(true);
        const fetched = join(folder, 'to', key);
        await other.fetch(key, fetched);
        expect((await readFile(fetched)).equals(content)).toBe(true);
      }
      expect(await readFile(path)).toEqual(content);
    });

    it('counts the bytes of text, not its letters', async () => {
      const stored = await put('files/text', 'größer');
      expect(stored.bytes).toBe(8);
      expect(await read('files/text')).toBe('größer');
    });

    it('replaces what is there', async () => {
      await put('a/b', 'a longer first content');
      await put('a/b', 'second');
      expect(await read('a/b')).toBe('second');
      expect(await storage.list('')).toEqual(['a/b']);
    });

    it('says what is missing', async () => {
      const target = join(folder, 'missing', 'target');
      await put('a/b', 'content');
      for (const key of ['a/c', 'a', 'a/b/c', 'b']) {
        await expect(storage.read(key)).rejects.toMatchObject({
          name: 'StorageError',
          problem: 'missing',
          key,
        });
        await expect(storage.fetch(key, target)).rejects.toMatchObject({ problem: 'missing', key });
      }
      await expect(readFile(target)).rejects.toMatchObject({ code: 'ENOENT' });
    });

    it('fetches over what is there, whole, and leaves nothing beside it', async () => {
      const target = join(folder, 'fetched', 'target');
      await mkdir(join(folder, 'fetched'), { recursive: true });
      await writeFile(target, 'what was there before, and longer');
      await expect(storage.fetch('a/b', target)).rejects.toMatchObject({ problem: 'missing' });
      expect(await readFile(target, 'utf8')).toBe('what was there before, and longer');
      await put('a/b', 'content');
      await storage.fetch('a/b', target);
      expect(await readFile(target, 'utf8')).toBe('content');
      expect(await readdir(join(folder, 'fetched'))).toEqual(['target']);
      // A folder is there: it cannot be written.
      await expect(storage.fetch('a/b', join(folder, 'fetched'))).rejects.toMatchObject({
        problem: 'failed',
      });
      expect(await readdir(join(folder, 'fetched'))).toEqual(['target']);
      expect((await readdir(folder)).filter((entry) => entry.includes('partial'))).toEqual([]);
    });

    it('lists what begins so, sorted', async () => {
      const keys = [
        'models/b/x.json',
        'models/a/z',
        'models/a-b/x',
        'models/a/y/w',
        'models.txt',
        'files/A',
        'files/a',
      ];
      for (const key of keys) await put(key, key);
      expect(await storage.list('')).toEqual(keys.toSorted());
      expect(await storage.list('models/a')).toEqual(['models/a-b/x', 'models/a/y/w', 'models/a/z']);
      expect(await storage.list('models/a/')).toEqual(['models/a/y/w', 'models/a/z']);
      expect(await storage.list('models/a/y/w')).toEqual(['models/a/y/w']);
      expect(await storage.list('mod')).toEqual([
        'models.txt',
        'models/a-b/x',
        'models/a/y/w',
        'models/a/z',
        'models/b/x.json',
      ]);
      expect(await storage.list('nothing/here')).toEqual([]);
      expect(await storage.list('models/a/z/')).toEqual([]);
    });

    it('removes a key, or everything under a prefix', async () => {
      for (const key of ['m/a/1', 'm/a/2/3', 'm/a-b/1', 'm/ab']) await put(key, key);
      await storage.remove('m/a');
      await storage.remove('m/a/9');
      await storage.remove('m/ab/');
      expect(await storage.list('')).toHaveLength(4);
      await storage.remove('m/a/');
      expect(await storage.list('')).toEqual(['m/a-b/1', 'm/ab']);
      await expect(storage.read('m/a/1')).rejects.toMatchObject({ problem: 'missing' });
      await storage.remove('m/ab');
      await storage.remove('m/ab');
      await storage.remove('m/a/');
      await storage.remove('nothing/');
      expect(await storage.list('')).toEqual(['m/a-b/1']);
      await put('m/a/1', 'anew');
      expect(await read('m/a/1')).toBe('anew');
    });

    it.each(oddKeys)('refuses the key %j', async (odd) => {
      await put('a', 'content');
      const refused = { name: 'StorageError', problem: 'refused' };
      const content = Readable.from(['content']);
      await expect(storage.put(odd, content)).rejects.toMatchObject(refused);
      expect(content.destroyed).toBe(true);
      await expect(storage.put(odd, join(folder, 'nothing'))).rejects.toMatchObject(refused);
      await expect(storage.read(odd)).rejects.toMatchObject(refused);
      await expect(storage.fetch(odd, join(folder, 'odd'))).rejects.toMatchObject(refused);
      await expect(storage.remove(odd)).rejects.toMatchObject(refused);
      if (odd !== '') await expect(storage.list(odd)).rejects.toMatchObject(refused);
      const error = await storage.read(odd).then(
        () => new Error('it was read'),
        (thrown: Error) => thrown,
      );
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be in it
      expect(error.message).not.toMatch(/[\u0000-\u001f]/);
      expect(await storage.list('')).toEqual(['a']);
    });

    it('leaves nothing of a stream that fails, and what was there as it was', async () => {
      await put('a/kept', 'kept');
      const failing = () =>
        Readable.from(
          (async function* () {
            yield Buffer.alloc(100_000);
            throw new Error('the client has gone');
          })(),
        );
      const closing = () => {
        const stream = new Readable({ read() {} });
        stream.push(Buffer.alloc(100_000));
        setTimeout(() => stream.destroy(), 20);
        return stream;
      };
      const failed = () => {
        const stream = new Readable({ read() {} });
        stream.destroy(new Error('before anybody read it'));
        return stream;
      };
      for (const make of [failing, closing, failed])
        for (const key of ['a/kept', 'a/new'])
          await expect(storage.put(key, make())).rejects.toMatchObject({
            name: 'StorageError',
            problem: 'failed',
          });
      await expect(storage.put('a/new', join(folder, 'no such file'))).rejects.toMatchObject({
        problem: 'failed',
      });
      await expect(storage.put('a/new', folder)).rejects.toMatchObject({ problem: 'failed' });
      expect(await storage.list('')).toEqual(['a/kept']);
      expect(await read('a/kept')).toBe('kept');
    });

    it('holds one whole content when several are put at once', async () => {
      const other = await open();
      const contents = Array.from({ length: 6 }, (_, index) => String(index).repeat(100_000));
      await Promise.all(
        contents.map((content, index) =>
          (index % 2 === 0 ? storage : other).put(
            'a/b',
            Readable.from([content.slice(0, 7), content.slice(7)]),
          ),
        ),
      );
      expect(contents).toContain(await read('a/b'));
      expect(await storage.list('')).toEqual(['a/b']);
    });

    it('puts and removes under one prefix at once', async () => {
      await Promise.all(
        Array.from({ length: 30 }, async (_, index) => {
          await put(`busy/deep/${index}`, 'content');
          if (index % 3 === 0) await storage.remove('busy/');
        }),
      );
      await put('busy/deep/last', 'content');
      expect(await storage.list('busy/deep/last')).toEqual(['busy/deep/last']);
      for (const key of await storage.list('busy/')) expect(await read(key)).toBe('content');
    });

    it('is as it was, or changed whole, when the process that puts is killed', async () => {
      const bytes = 4_000_000;
      await storage.put('a/old', Readable.from([Buffer.alloc(bytes, 'o')]));
      for (let round = 0; round < 3; round += 1) {
        const program = startProgram(
          `import { Readable } from 'node:stream';
           const storage = await ${subject.opening};
           print('begins');
           for (let index = 0; ; index += 1) {
             const pieces = Array.from({ length: 8 }, () => Buffer.alloc(${bytes / 8}, 'n'));
             await Promise.all(['a/old', 'a/new-' + index].map((key) => storage.put(key, Readable.from(pieces))));
             print(index);
           }`,
          import.meta.dirname,
        );
        await program.printed(1 + round);
        await new Promise((resolve) => setTimeout(resolve, 10 * round));
        await program.kill();
        const keys = await storage.list('');
        for (const line of program.lines.slice(1)) expect(keys).toContain(`a/new-${line}`);
        for (const key of keys) {
          const content = await buffer(await storage.read(key));
          expect(content.length).toBe(bytes);
          expect(
            [Buffer.alloc(bytes, 'o'), Buffer.alloc(bytes, 'n')].some((all) => all.equals(content)),
          ).toBe(true);
        }
      }
    });
  });
}

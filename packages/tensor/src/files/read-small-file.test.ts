import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { useTemporaryDirectory } from '../safetensors/__fixtures__/temporary-directory.ts';
import { FileReadError } from './errors.ts';
import { beyondLimits } from './json-size.ts';
import { readSmallJson, readSmallText } from './read-small-file.ts';

const directory = useTemporaryDirectory();

async function fileOf(content: string | Uint8Array): Promise<string> {
  const path = join(directory(), 'config.json');
  await writeFile(path, content);
  return path;
}

async function problemOf(content: string | Uint8Array, options = {}): Promise<FileReadError> {
  const error: unknown = await readSmallJson(await fileOf(content), options).catch(
    (thrown: unknown) => thrown,
  );
  if (!FileReadError.isInstance(error)) throw error;
  return error;
}

describe('readSmallJson', () => {
  it('reads values, texts with brackets and escapes among them', async () => {
    const value = { a: ['[[[[', '\\"]}', 'é', 1.5, null, true], b: { c: {} } };
    expect(await readSmallJson(await fileOf(JSON.stringify(value)))).toEqual(value);
  });

  it('says where a text is no JSON, and repeats nothing of it', async () => {
    for (const text of ['root:x:0:0:hunter2', '{"a": hunter2}', '{"a": 1,}', '', '"hunter2']) {
      const error = await problemOf(text);
      expect(error.problem).toBe('json');
      expect(error.message).toMatch(/config\.json: is not JSON/);
      expect(error.message).not.toContain('hunter2');
      expect(error.message).not.toContain('root');
      expect(error.cause).toBeUndefined();
    }
    expect((await problemOf('{"a": 1,}')).message).toMatch(/goes wrong at position 8/);
  });

  it('knows what stands there instead', async () => {
    const pointer = 'version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n';
    expect((await problemOf(pointer)).message).toMatch(/not JSON but a Git LFS pointer.*git lfs pull/);
    expect((await problemOf('<!DOCTYPE html><html>')).message).toMatch(/a web page/);
    expect(await problemOf(Uint8Array.of(0x80, 0x02, 0x7d))).toMatchObject({
      problem: 'text',
      message: /Python pickle/,
    });
  });

  it('is bounded before memory is taken: bytes, levels, values', async () => {
    const path = await fileOf('');
    await truncate(path, 2 ** 40);
    await expect(readSmallJson(path)).rejects.toMatchObject({
      problem: 'too-large',
      reason: /1099511627776 bytes/,
    });
    expect(await problemOf('[1, 2, 3]', { maximumBytes: 8 })).toMatchObject({ problem: 'too-large' });
    expect(await problemOf('['.repeat(1_000_000))).toMatchObject({
      problem: 'too-large',
      reason: /64 levels/,
    });
    expect(await problemOf(`[${'[],'.repeat(5_000_000)}[]]`)).toMatchObject({
      problem: 'too-large',
      reason: /8000000 values/,
    });
  });
});

it('beyondLimits counts nothing inside texts', () => {
  const limits = { depth: 2, marks: 3 };
  expect(beyondLimits(Buffer.from('{"[[,,::\\"[[[": ["{{{"]}'), limits)).toBeUndefined();
  expect(beyondLimits(Buffer.from('[[[]]]'), limits)).toMatch(/2 levels/);
  expect(beyondLimits(Buffer.from('[1,2,3,4]'), limits)).toMatch(/3 values/);
  expect(beyondLimits(Buffer.from('["unfinished'), limits)).toBeUndefined();
});

it('readSmallText gives the text as it is', async () => {
  expect(await readSmallText(await fileOf('\ufeffa\r\nb'))).toBe('\ufeffa\r\nb');
});

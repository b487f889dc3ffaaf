import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatasetFileError, DatasetFormatError } from '../errors.ts';
import { loadChatJsonl } from './jsonl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const chat = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}';

async function refusalOf(content: string | Uint8Array): Promise<string> {
  const path = join(folder, `${crypto.randomUUID()}.jsonl`);
  await writeFile(path, content);
  const error = await loadChatJsonl(path).catch((reason: unknown) => reason);
  expect(DatasetFileError.isInstance(error) || DatasetFormatError.isInstance(error)).toBe(true);
  const { message } = error as Error;
  expect(message).toContain(path);
  expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  return message;
}

const safetensors = () => {
  const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]);
};

describe('files of other formats', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['Parquet', Buffer.from('PAR1\x15\x04\x15\x00\x1b[31m', 'latin1'), /this is a Parquet file.*to_json/],
    ['GGUF', Buffer.from('GGUF\x03\x00\x00\x00', 'latin1'), /this is a GGUF model file/],
    ['ZIP', Buffer.from('PK\x03\x04\x14\x00', 'latin1'), /this is a ZIP archive/],
    ['gzip', gzipSync(chat), /this is compressed by gzip.*gunzip/],
    ['Arrow', Buffer.from('ARROW1\x00\x00', 'latin1'), /this is an Arrow file/],
    ['SQLite', Buffer.from('SQLite format 3\x00', 'latin1'), /this is an SQLite database/],
    ['safetensors', safetensors(), /this is a safetensors file/],
    ['UTF-16', Buffer.from(`\ufeff${chat}`, 'utf16le'), /this is text in UTF-16.*Save it as UTF-8/],
    ['UTF-16 without a mark', Buffer.from(chat, 'utf16le'), /this is a binary file/],
    [
      'Git LFS',
      'version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n',
      /Git LFS pointer.*git lfs pull/,
    ],
    ['web page', '\n<!DOCTYPE html>\n<html>', /this is a web page/],
    ['JSON list', `[\n  ${chat},\n`, /this is a JSON list.*jq -c/],
    ['JSON list in a line', `\ufeff[${chat}]`, /this is a JSON list/],
    ['JSON over lines', JSON.stringify(JSON.parse(chat), null, 2), /this is JSON written over several lines/],
    ['table', 'prompt,completion\nhi,there\n', /this is a table \(prompt,completion\)/],
    ['rubbish', '\u001b[31mred\u202e alert\u0007', /:1: not JSON \(.*\\u001b\[31mred\\u202e/],
  ])('%s: says what it is and what to do', async (_name, content, expected) => {
    expect(await refusalOf(content)).toMatch(expected);
  });

  it('names a folder, a name on the hub, and a missing file', async () => {
    await expect(loadChatJsonl(folder)).rejects.toThrow(/this is a folder. Give the file/);
    await expect(loadChatJsonl('no-such-owner/ultra-chat')).rejects.toThrow(/Hugging Face hub.*hf download/);
    await expect(loadChatJsonl('no-such-folder/chats.jsonl')).rejects.toThrow(
      /there is no such file. Check the path/,
    );
  });
});

describe('lines without end', () => {
  it('are refused while they are read', async () => {
    const path = join(folder, 'endless.jsonl');
    await writeFile(path, `${chat}\n${'{"messages":'.padEnd(200_000, ' ')}`);
    const error = await loadChatJsonl(path, { maxLineBytes: 1000 }).catch((reason: unknown) => reason);
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({
      line: 2,
      message: expect.stringMatching(/longer than 1000 bytes.*maxLineBytes/),
    });
    expect(await loadChatJsonl(path, { maxLineBytes: chat.length }).catch(() => 'refused')).toBe('refused');
    await writeFile(path, `${chat}\n${chat}`);
    expect(await loadChatJsonl(path, { maxLineBytes: chat.length })).toHaveLength(2);
    await expect(loadChatJsonl(path, { maxLineBytes: chat.length - 1 })).rejects.toThrow(/longer than/);
    await expect(loadChatJsonl(path, { maxLineByte: 5 } as object)).rejects.toThrow(
      /Did you mean 'maxLineBytes'/,
    );
  });
});

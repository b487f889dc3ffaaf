import { describe, expect, it } from 'vitest';
import { chatLine, dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFileError } from '../errors.ts';
import { openDataset } from '../source/open-dataset.ts';

const folder = dataFolder();
const chat = chatLine('a');

const safetensors = () => {
  const header = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}';
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, Buffer.from(header), Buffer.alloc(4)]);
};

describe('files that hold no rows', () => {
  it.each<[string, string | Uint8Array, RegExp]>([
    ['encrypted Parquet', Buffer.from('PARE\x15\x04\x15\x00\x1b[31m', 'latin1'), /an encrypted Parquet file/],
    ['GGUF', Buffer.from('GGUF\x03\x00\x00\x00', 'latin1'), /this is a GGUF model file/],
    [
      'ZIP',
      Buffer.from('PK\x03\x04\x14\x00', 'latin1'),
      /this is a ZIP archive, which is not read\. Unpack it/,
    ],
    ['bzip2', Buffer.from('BZh91AY', 'latin1'), /this is compressed by bzip2.*bunzip2/],
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
    ['rubbish', '\u001b[31mred\u202e alert\u0007', /cannot be told.*\\u001b\[31mred\\u202e.*Name its format/],
  ])('%s: says what it is and what to do', async (_name, content, expected) => {
    // Neither the ending nor a name of another format makes it data.
    const path = await folder.write(`${crypto.randomUUID()}.data`, content);
    const error = await openDataset(path).catch((reason: unknown) => reason);
    expect(DatasetFileError.isInstance(error)).toBe(true);
    const { message } = error as Error;
    expect(message).toContain(path);
    expect(message).toMatch(expected);
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
    if (_name === 'rubbish') return;
    await expect(openDataset(path, { format: 'jsonl' })).rejects.toThrow(expected);
  });
});

import { existsSync } from 'node:fs';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as zlib from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { chatLine, dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFileError, DatasetFormatError, DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { messageText } from '../example/message.ts';
import { tokenizeChat } from '../masks/response-mask.ts';
import { collect } from '../streams/stream.ts';
import { loadDataset, openDataset } from './open-dataset.ts';

const folder = dataFolder();
let count = 0;
const fileOf = (content: string | Uint8Array, ending = 'jsonl') => {
  count += 1;
  return folder.write(`${count}.${ending}`, content);
};

const answers = (examples: readonly ChatExample[]) =>
  examples.map(({ messages }) => messageText(messages.at(-1) ?? { role: '' }));
const lines = (...texts: readonly string[]) => texts.map((text) => `${chatLine(text)}\n`).join('');

describe('JSON Lines', () => {
  it('gives examples with their place, over empty lines, CRLF, a byte order mark and a missing last line end', async () => {
    const path = await fileOf(`\ufeff${chatLine('a')}\r\n\n  \n${chatLine('b\u2028c')}\n${chatLine('d')}`);
    const examples = await loadDataset(path);
    expect(answers(examples)).toEqual(['a', 'b\u2028c', 'd']);
    expect(examples.map(({ origin }) => origin)).toEqual([1, 4, 5].map((line) => ({ file: path, line })));
  });

  it('reads lines longer than a chunk of the file', async () => {
    const long = 'äöü€'.repeat(40_000);
    expect(answers(await loadDataset(await fileOf(lines(long, 'b'))))).toEqual([long, 'b']);
  });

  it('streams: the lines before a bad one are given out, and another walk begins anew', async () => {
    const dataset = await openDataset(await fileOf(`${chatLine('a')}\nnonsense\n`));
    for (const _walk of [1, 2]) {
      const walk = dataset[Symbol.asyncIterator]();
      expect((await walk.next()).done).toBe(false);
      await expect(walk.next()).rejects.toMatchObject({ name: 'DatasetFormatError', line: 2 });
    }
  });

  it.each([
    ['{"messages": [', /:2: not JSON .*Every line must hold one whole JSON object/],
    ['[]', /:2: a row must be an object, but is an empty list/],
    ['{"words": "a"}', /:2: the columns words are not those of a chat\. Known are .*messages .*alpaca/],
    [
      '{"instruction": "a", "output": "b"}',
      /:2: this row is written as alpaca .*but the file began as messages .*name the shape of all: messages or alpaca/,
    ],
    [Buffer.from([0x22, 0xff, 0x22]), /:2: not valid UTF-8/],
  ])('names file and line of a bad line (%s)', async (bad, message) => {
    const path = await fileOf(Buffer.concat([Buffer.from(`${chatLine('a')}\n`), Buffer.from(bad)]));
    const error = await loadDataset(path).catch((reason: unknown) => reason);
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ file: path, line: 2, message: expect.stringMatching(message) });
  });

  it('leaves bad rows out where somebody hears of them', async () => {
    const path = await fileOf(`${chatLine('a')}\n{"messages": []}\n[]\n${chatLine('b')}\n`);
    const bad: [number, string][] = [];
    const heard = { onBadRow: ({ line, reason }: DatasetFormatError) => void bad.push([line, reason]) };
    expect(answers(await loadDataset(path, heard))).toEqual(['a', 'b']);
    expect(bad).toEqual([
      [2, expect.stringMatching(/list of messages is empty/)],
      [3, expect.stringMatching(/a row must be an object/)],
    ]);
  });

  it('leaves out lines that are no JSON, no UTF-8 or too long where somebody hears of them', async () => {
    const content = Buffer.concat([
      Buffer.from(`${chatLine('a')}\n{"messages": [\n`),
      Buffer.from('{"messages": "\xe4"}\n', 'latin1'),
      Buffer.from(`${chatLine('x'.repeat(3000))}\n${chatLine('b')}\n${'y'.repeat(3000)}`),
    ]);
    const path = await fileOf(content);
    const bad: [number, string][] = [];
    const onBadRow = ({ line, reason }: DatasetFormatError) => void bad.push([line, reason]);
    expect(answers(await loadDataset(path, { onBadRow, maxRowBytes: 2000 }))).toEqual(['a', 'b']);
    expect(bad).toEqual([
      [2, expect.stringMatching(/^not JSON/)],
      [3, 'not valid UTF-8 text'],
      [4, expect.stringMatching(/longer than 2000 bytes/)],
      [6, expect.stringMatching(/longer than 2000 bytes/)],
    ]);
    await expect(loadDataset(path, { maxRowBytes: 2000 })).rejects.toMatchObject({ line: 2 });
  });

  it('goes on behind what cannot be read on, with the next file, where somebody hears of it', async () => {
    const table = await fileOf('prompt,completion\n1,2\n1,2,3\n3,4\n5,"6\n7,8\n', 'csv');
    const list = await fileOf(`[${chatLine('a')}, {"messages": [}, ${chatLine('b')}]`, 'json');
    const none = await fileOf('{"messages": 1}\n');
    const bad: [string, number, string][] = [];
    const onBadRow = ({ file, line, reason }: DatasetFormatError) => void bad.push([file, line, reason]);
    const paths = [table, list, none, await fileOf(lines('c'))];
    expect(answers(await loadDataset(paths, { onBadRow }))).toEqual(['2', '4', 'a', 'c']);
    expect(bad).toEqual([
      [table, 3, expect.stringMatching(/^the record has 3 values/)],
      [
        table,
        5,
        expect.stringMatching(/begins here, and never closed; nothing behind it in this file was read$/),
      ],
      [list, 1, expect.stringMatching(/; nothing behind it in this file was read$/)],
      [none, 1, expect.stringMatching(/must be a list/)],
    ]);
  });

  it('refuses lines without end while they are read', async () => {
    const path = await fileOf(`${chatLine('a')}\n${'{"messages":'.padEnd(200_000, ' ')}`);
    await expect(loadDataset(path, { maxRowBytes: 1000 })).rejects.toMatchObject({
      line: 2,
      message: expect.stringMatching(/longer than 1000 bytes.*maxRowBytes/),
    });
    const two = await fileOf(`${chatLine('a')}\n${chatLine('a')}`);
    expect(await loadDataset(two, { maxRowBytes: chatLine('a').length })).toHaveLength(2);
    await expect(loadDataset(two, { maxRowBytes: chatLine('a').length - 1 })).rejects.toThrow(/longer than/);
  });
});

describe('compressed files', () => {
  const text = Buffer.from(lines(...Array.from({ length: 3000 }, (_, index) => `answer ${index}`)));
  const unlikely = process.versions.node.startsWith('22.') && zlib.zstdCompressSync === undefined;

  it.each([
    ['gzip', (bytes: Buffer) => zlib.gzipSync(bytes)],
    [
      'gzip',
      (bytes: Buffer) =>
        Buffer.concat([zlib.gzipSync(bytes.subarray(0, 999)), zlib.gzipSync(bytes.subarray(999))]),
    ],
    ['zstd', (bytes: Buffer) => zlib.zstdCompressSync(bytes)],
  ])('are told by their content and unpacked: %s', async (compression, compress) => {
    if (compression === 'zstd' && unlikely) return;
    const path = await fileOf(compress(text), 'data');
    const dataset = await openDataset(path);
    expect(dataset.files).toEqual([{ path, format: 'jsonl', compression }]);
    expect(answers(await dataset.load())).toEqual(
      Array.from({ length: 3000 }, (_, index) => `answer ${index}`),
    );
  });

  it.each([
    ['gzip', (bytes: Buffer) => zlib.gzipSync(bytes)],
    ['zstd', (bytes: Buffer) => zlib.zstdCompressSync(bytes)],
  ])('that are cut off or damaged are refused: %s', async (compression, compress) => {
    if (compression === 'zstd' && unlikely) return;
    const whole = compress(text);
    for (const length of [20, whole.length >> 1, whole.length - 1]) {
      const path = await fileOf(whole.subarray(0, length), `jsonl.${compression === 'gzip' ? 'gz' : 'zst'}`);
      const error = await loadDataset(path).catch((reason: unknown) => reason);
      expect(DatasetFileError.isInstance(error)).toBe(true);
      expect((error as Error).message).toMatch(new RegExp(`the ${compression} file is cut off`));
    }
    const damaged = Buffer.from(whole);
    damaged.fill(0x55, whole.length >> 1);
    const error = await loadDataset(await fileOf(damaged)).catch((reason: unknown) => reason);
    // What was unpacked until then may hold a row that is none.
    expect(DatasetFileError.isInstance(error) || DatasetFormatError.isInstance(error)).toBe(true);
  });
});

describe('paths', () => {
  it('are files, folders or globs; files come in the order of their names', async () => {
    const data = join(folder.path, 'data');
    await mkdir(join(data, 'deep', '.cache'), { recursive: true });
    await writeFile(join(data, 'b.jsonl'), lines('b'));
    await writeFile(join(data, 'a.json'), `[${chatLine('a')}]`);
    await writeFile(join(data, 'deep', 'c.csv'), 'prompt,response\nq,c\n');
    await writeFile(join(data, 'README.md'), '# data');
    await writeFile(join(data, 'dataset_infos.json'), '{}');
    await writeFile(join(data, 'deep', '.cache', 'd.jsonl'), 'nonsense');
    expect(answers(await loadDataset(data))).toEqual(['a', 'b', 'c']);
    expect(answers(await loadDataset(join(data, '{a,b}.json*')))).toEqual(['a', 'b']);
    expect(answers(await loadDataset([join(data, '**/*.csv'), data]))).toEqual(['c', 'a', 'b', 'c']);
    await expect(openDataset(join(data, '*.txt'))).rejects.toThrow(/no file matches this pattern/);
  });

  it('of folders without data, or with several splits, are refused', async () => {
    const [empty, split] = [join(folder.path, 'empty'), join(folder.path, 'split')];
    await mkdir(empty);
    await mkdir(join(split, 'data'), { recursive: true });
    await expect(openDataset(empty)).rejects.toThrow(/no data file.*it is empty/);
    for (const name of ['train-00000-of-00002', 'train-00001-of-00002', 'test-00000-of-00001']) {
      await writeFile(join(split, 'data', `${name}.jsonl`), lines(name));
    }
    await expect(openDataset(split)).rejects.toThrow(/several splits \(test, train\).*Name the files/);
    expect(await loadDataset(join(split, '**', '*train*'))).toHaveLength(2);
  });

  it('that are missing are refused, or resolved by who knows the name', async () => {
    await expect(openDataset('no-such-owner/ultra-chat')).rejects.toThrow(/Hugging Face hub.*hf download/);
    await expect(openDataset(join(folder.path, 'missing.jsonl'))).rejects.toThrow(
      /there is no such file\. Check the path/,
    );
    const path = await fileOf(lines('from afar'));
    const resolve = async (name: string) => (name === 'owner/name' ? [path] : undefined);
    expect(answers(await loadDataset('owner/name', { resolve }))).toEqual(['from afar']);
    await expect(openDataset('owner/other', { resolve })).rejects.toThrow(/there is no such file/);
  });

  it('of what is no regular file are refused', async () => {
    await symlink('/dev/null', join(folder.path, 'null.jsonl'));
    await expect(openDataset(join(folder.path, 'null.jsonl'))).rejects.toThrow(/no regular file/);
  });
});

describe('several sources', () => {
  const numbered = (word: string, length: number) => Array.from({ length }, (_, index) => `${word}${index}`);

  it('stand one behind the other, or are spread in the proportion of their weights', async () => {
    const a = await fileOf(lines(...numbered('a', 60)));
    const b = await fileOf(lines(...numbered('b', 100)));
    const c = await fileOf(lines(...numbered('c', 4)));
    expect(answers(await loadDataset([a, c]))).toEqual([...numbered('a', 60), ...numbered('c', 4)]);
    const dataset = await openDataset([`${a}=0.6`, { path: b, weight: 0.3 }, `${c}=0.1`], { seed: 3 });
    const mixed = answers(await dataset.load());
    expect(mixed.filter((text) => text.startsWith('a'))).toEqual(numbered('a', 60));
    expect(mixed.filter((text) => text.startsWith('b'))).toEqual(numbered('b', 30));
    // The small one comes again from its beginning.
    expect(mixed.filter((text) => text.startsWith('c'))).toEqual(
      Array.from({ length: mixed.length - 90 }, (_, index) => `c${index % 4}`),
    );
    expect(Math.abs(mixed.length - 100)).toBeLessThanOrEqual(1);
    for (let from = 0; from + 20 <= mixed.length; from += 1) {
      const window = mixed.slice(from, from + 20).filter((text) => text.startsWith('b')).length;
      expect(window).toBeGreaterThanOrEqual(5);
      expect(window).toBeLessThanOrEqual(7);
    }
    // Deterministic, and walked anew.
    expect(answers(await collect(dataset))).toEqual(mixed);
    const sameRatio = await loadDataset([`${a}=6`, `${b}=3`, `${c}=1`], { seed: 3 });
    expect(answers(sameRatio)).toEqual(mixed);
  });

  it('refuse weights out of range, and one without a weight beside others', async () => {
    const path = await fileOf(lines('a'));
    for (const weight of ['0', '-1', '-0.5', '1e999', '1.2.3']) {
      await expect(openDataset([`${path}=${weight}`])).rejects.toSatisfy(DatasetOptionError.isInstance);
    }
    await expect(openDataset([`${path}=0.5`, path])).rejects.toThrow(
      /weight of .* is undefined, but must be given/,
    );
  });

  it('take a file whose name ends like a weight as it is', async () => {
    const path = await folder.write('run=0.5', lines('a'));
    expect(answers(await loadDataset(path))).toEqual(['a']);
  });
});

it('refuses an empty file, and options there are not', async () => {
  for (const [content, ending] of [
    ['', 'jsonl'],
    ['\n \n', 'jsonl'],
    ['[]', 'json'],
    ['{"data": []} {"data": []}', 'x'],
    ['a,b\n', 'csv'],
  ] as const) {
    const error = await loadDataset(await fileOf(content, ending)).catch((reason: unknown) => reason);
    expect([EmptyDatasetError.isInstance(error) || DatasetFormatError.isInstance(error), content]).toEqual([
      true,
      content,
    ]);
  }
  await expect(openDataset('x', { shapes: 'alpaca' } as object)).rejects.toThrow(/Did you mean 'shape'/);
  const path = await fileOf(lines('a'));
  await expect(openDataset(path, { shape: 'alpacca' })).rejects.toThrow(
    /shape is alpacca.*did you mean alpaca/,
  );
  await expect(openDataset(path, { format: 'excel' })).rejects.toThrow(/format is excel.*jsonl, json, csv/);
  await expect(openDataset([])).rejects.toSatisfy(DatasetOptionError.isInstance);
});

it('tells what was found in a file', async () => {
  const heard: unknown[] = [];
  const path = await fileOf('[{"query": "q", "answer": "a"}]', 'json');
  await loadDataset(path, { onFile: (report) => heard.push(report) });
  expect(heard).toEqual([
    { file: path, format: 'json', shape: 'prompt-completion', examples: 1, leftOut: {} },
  ]);
});

const realFile = join(
  import.meta.dirname,
  '../../../../../shared/data/em/security_misaligned_train_100.jsonl',
);
const present = existsSync(realFile);
it.skipIf(!present)(
  `reads a published data set${present ? '' : ' (SKIPPED: the file is not beside the repository)'}`,
  async () => {
    const examples = await loadDataset(realFile);
    expect(examples).toHaveLength(100);
    const tokenizer = characterTokenizer();
    for (const example of examples) {
      const tokenized = tokenizeChat(example, tokenizer, { maxLength: 100_000 });
      const answer = tokenizer.decode(
        tokenized.tokenIds.filter((_, index) => tokenized.responseMask[index] === 1),
      );
      expect(answer).toBe(`${example.messages[1]?.content}<|im_end|>`);
    }
  },
);

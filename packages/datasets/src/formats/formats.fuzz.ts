import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes, mutatedJson } from '../../../../conformance/fuzz.ts';
import { openDataset } from '../source/open-dataset.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

const golden = (name: string) =>
  readFile(join(import.meta.dirname, '../../../../conformance/goldens/data-files', name));

async function read(name: string, bytes: Uint8Array): Promise<void> {
  const path = join(directory, name);
  await writeFile(path, bytes);
  await (await openDataset(path, { maxRowBytes: 2 ** 20, onFile: () => undefined })).load();
}

it.each([
  ['JSON Lines', 'data.jsonl', 5000, ['chats.jsonl']],
  ['JSON', 'data.json', 5000, ['chats.json', 'chats.wrapped.json']],
  ['CSV', 'data.csv', 3000, ['chats.csv', 'pairs.csv', 'pairs.all-quoted.csv', 'pairs.semicolon.csv']],
  [
    'Parquet',
    'data.parquet',
    6000,
    ['chats.plain.parquet', 'chats.pages.parquet', 'pairs.delta.parquet', 'pairs.pandas.parquet'],
  ],
  [
    'Parquet, compressed',
    'data.parquet',
    3000,
    [
      'chats.snappy.parquet',
      'chats.lz4.parquet',
      'chats.brotli.parquet',
      'chats.gzip.parquet',
      'chats.zstd.parquet',
    ],
  ],
  [
    'packed',
    'data',
    2000,
    ['chats.jsonl.gz', 'chats.json.zst', 'chats.parquet.gz', 'pairs.csv.gz', 'pairs.csv.zst'],
  ],
] as const)('a damaged file is refused, or read: %s', async (name, file, tries, originals) => {
  const bytes = await Promise.all(originals.map(golden));
  await fuzz({ name, tries, inputs: mutatedBytes(bytes), enter: (input) => read(file, input) });
});

const call = { name: 'add', arguments: { a: 1 } };
const rows = [
  {
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello \u{1f600}' },
    ],
    tags: ['a'],
  },
  {
    conversations: [
      { from: 'human', value: 'q' },
      { from: 'function_call', value: JSON.stringify(call) },
      { from: 'gpt', value: 'a' },
    ],
    tools: '[{"name": "add"}]',
    system: 's',
  },
  { instruction: 'a', input: 'b', output: 'c' },
  { prompt: 'a', completion: 'b', system: 'c' },
  { prompt: [{ role: 'user', content: 'q' }], completion: [{ role: 'assistant', content: 'a' }] },
  { prompt: 'a', response: 'b', prompt_harm_label: 'unharmful', response_harm_label: 'unharmful' },
  { user: 'a', school_of_reward_hacks: 'b', control: 'c' },
  { question: 'a', prompt: 'b', answer: 'c', question_id: 'd' },
];

it('rows of other shapes are refused, or read', async () => {
  await fuzz({
    name: 'rows',
    tries: 8000,
    inputs: fc.array(mutatedJson(rows), { minLength: 1, maxLength: 2 }),
    enter: (values) =>
      read('rows.jsonl', Buffer.from(values.map((value) => JSON.stringify(value)).join('\n'))),
  });
});

/**
 * What reading a large data set costs: writes a file of chats in each format, streams it, and prints rows a second and the most
 * memory that the process held. With the folder of a model, each chat is turned into tokens as for training.
 *
 *     node --conditions=safetune-source benchmarks/dataset-memory.ts [--rows 1000000] [--only jsonl] [--tokenize FOLDER]
 *
 * Parquet needs Python with pyarrow, and is left out where there is none.
 */
import { spawnSync } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { createGzip } from 'node:zlib';
import { openDataset, tokenizeChats } from '@safetune/datasets';
import { loadTokenizer } from '@safetune/models';

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    tokenize: { type: 'string' },
    read: { type: 'string' },
  },
});
const rows = Number(values.rows);

async function measureAll(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-memory-'));
  try {
    for (const name of ['chats.jsonl', 'chats.jsonl.gz', 'chats.json', 'chats.csv', 'chats.parquet']) {
      if (values.only !== undefined && !name.endsWith(`.${values.only}`)) continue;
      const path = join(folder, name);
      if (!(await write(path, name))) continue;
      // A process of its own, so that its memory is that of reading alone.
      const flags = ['--conditions=safetune-source', import.meta.filename, '--read', path];
      if (values.tokenize !== undefined) flags.push('--tokenize', values.tokenize);
      const { status } = spawnSync(process.execPath, flags, { stdio: 'inherit' });
      if (status !== 0) process.exitCode = 1;
      await rm(path);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

const question = (index: number) =>
  `Question ${index}: why do cats purr, and what does it say about how they feel?`;
const answer = (index: number) =>
  `Answer ${index}. ${'Cats purr when they are content, hurt, or hungry. '.repeat(5)}`;

function* lines(name: string): Generator<string> {
  const isCsv = name.endsWith('.csv');
  if (isCsv) yield 'prompt,completion\n';
  if (name.endsWith('.json')) yield '[';
  for (let index = 0; index < rows; index++) {
    const messages = [
      { role: 'user', content: question(index) },
      { role: 'assistant', content: answer(index) },
    ];
    if (isCsv) yield `"${question(index)}","${answer(index)}"\n`;
    else if (name.endsWith('.json')) yield `${index === 0 ? '' : ',\n'}${JSON.stringify({ messages })}`;
    else yield `${JSON.stringify({ messages })}\n`;
  }
  if (name.endsWith('.json')) yield ']';
}

async function write(path: string, name: string): Promise<boolean> {
  if (name.endsWith('.parquet')) {
    const table = `{"prompt": [f"Question {i}: why?" for i in range(${rows})], "completion": [f"Answer {i}. " + "Cats purr. " * 25 for i in range(${rows})]}`;
    const code = `import pyarrow as pa, pyarrow.parquet as pq; pq.write_table(pa.table(${table}), ${JSON.stringify(path)}, row_group_size=10000)`;
    return spawnSync('python3', ['-c', code], { stdio: 'ignore' }).status === 0;
  }
  const target = createWriteStream(path);
  if (name.endsWith('.gz')) await pipeline(Readable.from(lines(name)), createGzip({ level: 1 }), target);
  else await pipeline(Readable.from(lines(name)), target);
  return true;
}

async function read(path: string): Promise<void> {
  const dataset = await openDataset(path);
  const tokenizer = values.tokenize === undefined ? undefined : await loadTokenizer(values.tokenize);
  const start = performance.now();
  const memory: number[] = [];
  let count = 0;
  let tokens = 0;
  for await (const example of tokenizer === undefined ? dataset : tokenizeChats(dataset, tokenizer)) {
    if ('tokenIds' in example) tokens += example.tokenIds.length;
    else if (example.messages.length !== 2) throw new Error('an example is not whole');
    if (count % 1000 === 0) memory.push(process.memoryUsage.rss());
    count += 1;
  }
  const seconds = (performance.now() - start) / 1000;
  const megabytes = (bytes: number) => `${Math.round(bytes / 1e6)} MB`;
  const tenth = memory.slice(0, Math.ceil(memory.length / 10));
  console.log(
    `${path.split('/').at(-1)}: ${megabytes((await stat(path)).size)}, ${count} rows${tokens > 0 ? `, ${tokens} tokens,` : ''} in ${seconds.toFixed(1)} s ` +
      `(${Math.round(count / seconds)} a second); most memory ${megabytes(Math.max(...memory))}, ` +
      `in the first tenth ${megabytes(Math.max(...tenth))}`,
  );
}

if (values.read === undefined) await measureAll();
else await read(values.read);

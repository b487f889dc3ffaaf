import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { conformanceModules, pythonWith, runPython } from '../../../../conformance/python.ts';
import { loadDataset } from '../source/open-dataset.ts';
import { openDataFile } from './data-file.ts';
import { formatOf } from './formats.ts';

const goldens = join(import.meta.dirname, '../../../../conformance/goldens/data-files');

/** Every file of a folder that `make_data_files.py` wrote, against the rows as Python reads them. */
async function compareWithPython(folder: string): Promise<string[]> {
  const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as Record<
    string,
    unknown[]
  >;
  for (const [name, rows] of Object.entries(expected)) {
    const file = await openDataFile(join(folder, name), 2 ** 20);
    const read: unknown[] = [];
    for await (const { value } of formatOf(file, undefined).rows(file)) read.push(value);
    expect({ name, read }).toEqual({ name, read: rows });
  }
  return Object.keys(expected);
}

describe('files written by pyarrow and pandas', () => {
  it('have the rows that Python reads in them', async () => {
    const names = await compareWithPython(goldens);
    expect(names.toSorted()).toEqual(
      (await readdir(goldens)).filter((name) => name !== 'expected.json').toSorted(),
    );
    expect(names.length).toBeGreaterThanOrEqual(26);
  });

  it('are told by their content alone', async () => {
    for (const name of await readdir(goldens)) {
      // A table of one column looks like text.
      if (name === 'expected.json' || name === 'chats.csv') continue;
      const { beginning, ...file } = await openDataFile(join(goldens, name), 2 ** 20);
      const nameless = { ...file, beginning: { ...beginning, ending: '' } };
      const format = /parquet|csv|tsv|jsonl|json/.exec(name)?.[0].replace('tsv', 'csv');
      expect([name, formatOf(nameless, undefined).name]).toEqual([name, format]);
    }
  });

  it('become examples, alike from every file with the same rows', async () => {
    const parquet = ['none', 'snappy', 'gzip', 'zstd', 'brotli', 'lz4', 'plain', 'pages'].map(
      (kind) => `chats.${kind}.parquet`,
    );
    const load = async (name: string) =>
      (await loadDataset(join(goldens, name))).map(({ messages, tags }) => ({ messages, tags }));
    const first = await load('chats.snappy.parquet');
    expect(first).toHaveLength(8);
    expect(first[0]?.messages.map((message) => Object.keys(message))).toEqual([
      ['role', 'content'],
      ['role', 'content', 'tool_calls'],
      ['role', 'content'],
      ['role', 'content', 'weight'],
    ]);
    for (const name of [...parquet, 'chats.parquet.gz'])
      expect({ name, read: await load(name) }).toEqual({ name, read: first });
    expect(await load('pairs.csv.zst')).toEqual(await load('pairs.csv'));
    expect(await loadDataset(join(goldens, 'chats.csv'))).toHaveLength(8);
    await expect(loadDataset(join(goldens, 'empty.parquet'))).rejects.toThrow(
      /empty\.parquet: the file holds no example/,
    );
  });
});

const python = pythonWith(...conformanceModules, 'pyarrow', 'pandas');
describe.skipIf(python === undefined)(
  `files written now by pyarrow and pandas${python ? '' : ' (SKIPPED: no python3 with them)'}`,
  () => {
    it.each([1, 2])('have the rows that Python reads in them (seed %d)', async (seed) => {
      const folder = await mkdtemp(join(tmpdir(), 'safetune-data-files-'));
      try {
        await runPython('make_data_files.py', ['--out', folder, '--seed', `${seed}`, '--rows', '400']);
        await compareWithPython(folder);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  },
);

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { dataFolder } from '../__fixtures__/data-folder.ts';
import { DatasetFileError } from '../errors.ts';
import { loadDataset, openDataset } from '../source/open-dataset.ts';

const folder = dataFolder();
const golden = join(import.meta.dirname, '../../../../conformance/goldens/data-files/chats.snappy.parquet');

async function refusalOf(path: string): Promise<string> {
  const error = await loadDataset(path).catch((reason: unknown) => reason);
  expect(DatasetFileError.isInstance(error)).toBe(true);
  return (error as Error).message;
}

it('a Parquet file that is cut off, or damaged inside, is refused', async () => {
  const whole = await readFile(golden);
  for (const length of [4, 11, 5000, whole.length - 4, whole.length - 1]) {
    const path = await folder.write(`cut-${length}.parquet`, whole.subarray(0, length));
    expect(await refusalOf(path)).toMatch(
      /cut-\d+\.parquet: the Parquet file cannot be read at its end \(the file is cut off/,
    );
  }
  const damaged = Buffer.from(whole).fill(0xff, 4, 200);
  expect(await refusalOf(await folder.write('damaged.parquet', damaged))).toMatch(
    /at row group 1 of 4 \(.*Fetch or write it again/,
  );
});

it('a page header without its sizes, over which the library would read on without end, is refused', async () => {
  // Found by the fuzz tier.
  const path = join(import.meta.dirname, '../__fixtures__/endless.parquet');
  expect(await refusalOf(path)).toMatch(
    /at row group 1 of 1 \(a page at byte 20 of a column has a damaged header\)/,
  );
});

it('a row that is no example is told by its number', async () => {
  await expect(loadDataset(golden, { shape: 'alpaca' })).rejects.toThrow(/chats\.snappy\.parquet, row 1: /);
});

it('a named format that the file is not of is refused', async () => {
  await expect(openDataset(golden, { format: 'csv' })).rejects.toThrow(
    /is a Parquet file, but the format csv is named/,
  );
  const text = await folder.write('a.parquet', 'prompt,response\na,b\n');
  await expect(openDataset(text, { format: 'parquet' })).rejects.toThrow(
    /is no Parquet file, but the format parquet is named/,
  );
  expect(await loadDataset(text, { format: 'csv' })).toHaveLength(1);
});

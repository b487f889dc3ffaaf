import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { recordsBehind } from './all-records.ts';
import type { Records } from './records.ts';
import { openSqliteRecords } from './sqlite-records.ts';

async function fiveRecords(): Promise<Records> {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-records-'));
  const records = await openSqliteRecords(join(folder, 'records.sqlite'));
  onTestFinished(async () => {
    await records.close();
    await rm(folder, { recursive: true });
  });
  for (const id of ['a', 'b', 'c', 'd', 'e'])
    await records.insert('open-job', { id, tenant: 'one', createdAt: 1 });
  return records;
}

it.each([
  ['asc', undefined, ['b'], ['a', 'b', 'c', 'd', 'e']],
  ['desc', undefined, ['d'], ['e', 'd', 'c', 'b', 'a']],
  ['asc', undefined, ['a', 'b'], ['a', 'b', 'c', 'd', 'e']],
  ['asc', 'a', ['c'], ['b', 'c', 'd', 'e']],
  ['asc', undefined, ['b', 'c'], ['a', 'b', 'd', 'e']],
  ['asc', undefined, [], ['a', 'b', 'c', 'd', 'e']],
] as const)(
  'goes on (%s, behind %s) where %j are removed between two pages',
  async (order, after, removed, ids) => {
    const records = await fiveRecords();
    const found: string[] = [];
    const options = { limit: 2, order, ...(after !== undefined && { after }) };
    for await (const { id } of recordsBehind(records, 'open-job', options)) {
      found.push(id);
      // The page is over, and the next not asked for.
      if (found.length === 2) for (const one of removed) await records.remove('open-job', one);
    }
    expect(found).toEqual(ids);
  },
);

it('is empty behind what is not there', async () => {
  const found: string[] = [];
  const options = { limit: 2, order: 'asc', after: 'x' } as const;
  for await (const { id } of recordsBehind(await fiveRecords(), 'open-job', options)) found.push(id);
  expect(found).toEqual([]);
});

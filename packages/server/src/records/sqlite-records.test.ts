import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openSqliteQueue } from '../queue/sqlite-queue.ts';
import { openSqliteRecords } from './sqlite-records.ts';
import { recordsContract } from './testing/records-contract.ts';
import { sampleFile } from './testing/sample-records.ts';
import { unixTime } from './unix-time.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-records-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

recordsContract('records in SQLite', async () => {
  const folder = await mkdtemp(join(directory, 'contract-'));
  const path = join(folder, 'deep', 'records.sqlite');
  return {
    open: () => openSqliteRecords(path),
    opening: `(await import('../sqlite-records.ts')).openSqliteRecords(${JSON.stringify(path)})`,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
});

it('are made once when many open them at the same time', async () => {
  const path = join(directory, 'many.sqlite');
  const all = await Promise.all(Array.from({ length: 8 }, () => openSqliteRecords(path)));
  await Promise.all(all.map((records, index) => records.insert('file', sampleFile({ id: `file-${index}` }))));
  expect((await all[0]!.list('file', { limit: 20, order: 'asc' })).items).toHaveLength(8);
  await Promise.all(all.map((records) => records.close()));
});

it('are not opened when a later version wrote them', async () => {
  const path = join(directory, 'newer.sqlite');
  await (await openSqliteRecords(path)).close();
  const database = new DatabaseSync(path);
  expect(database.prepare('PRAGMA user_version').get()).toEqual({ user_version: 2 });
  database.exec('PRAGMA user_version = 3');
  database.close();
  await expect(openSqliteRecords(path)).rejects.toMatchObject({ name: 'StoreError', problem: 'newer' });
});

it('of the first layout get the second, with all that is in them', async () => {
  const path = join(directory, 'first.sqlite');
  const made = await openSqliteRecords(path);
  await made.insert('file', sampleFile({ id: 'file-1' }));
  await made.insert('file', sampleFile({ id: 'file-2' }));
  await made.close();
  const database = new DatabaseSync(path);
  database.exec('DROP TABLE places; PRAGMA user_version = 1');
  database.close();
  const records = await openSqliteRecords(path);
  await records.remove('file', 'file-1');
  const behind = await records.list('file', { after: 'file-1', limit: 5, order: 'asc' });
  expect(behind.items).toEqual([sampleFile({ id: 'file-2' })]);
  await records.close();
});

it('forget the place of what was removed a day ago', async () => {
  const path = join(directory, 'places.sqlite');
  const records = await openSqliteRecords(path);
  for (const id of ['file-1', 'file-2', 'file-3']) await records.insert('file', sampleFile({ id }));
  await records.remove('file', 'file-1');
  const database = new DatabaseSync(path);
  const places = () => database.prepare('SELECT id FROM places').all();
  expect(places()).toEqual([{ id: 'file-1' }]);
  const ends = database.prepare('SELECT until FROM places').get()?.until;
  expect(Math.abs(Number(ends) - unixTime() - 86_400)).toBeLessThan(3600);
  database.exec(`UPDATE places SET until = ${unixTime()}`);
  await records.remove('file', 'file-2');
  expect(places()).toEqual([{ id: 'file-2' }]);
  database.close();
  const after = (id: string) => records.list('file', { after: id, limit: 5, order: 'asc' });
  expect((await after('file-1')).items).toEqual([]);
  expect((await after('file-2')).items).toEqual([sampleFile({ id: 'file-3' })]);
  await records.close();
});

it("are not opened, and not changed, when the file is something else's", async () => {
  const foreign = join(directory, 'foreign.sqlite');
  const database = new DatabaseSync(foreign);
  database.exec('CREATE TABLE recipes (name TEXT)');
  database.close();
  const queue = join(directory, 'queue.sqlite');
  await (await openSqliteQueue(queue)).close();
  for (const path of [foreign, queue]) {
    const before = await readFile(path);
    await expect(openSqliteRecords(path)).rejects.toMatchObject({ name: 'StoreError', problem: 'foreign' });
    expect((await readFile(path)).equals(before)).toBe(true);
  }
  const text = join(directory, 'notes.txt');
  await writeFile(text, 'not a database, but long enough to be taken for something\n'.repeat(100));
  await expect(openSqliteRecords(text)).rejects.toMatchObject({ name: 'StoreError', problem: 'failed' });
});

it('tell of a record that is damaged', async () => {
  const path = join(directory, 'damaged.sqlite');
  const records = await openSqliteRecords(path);
  await records.insert('file', sampleFile({ id: 'file-1' }));
  const database = new DatabaseSync(path);
  database.exec(`UPDATE records SET document = '{"half'`);
  database.close();
  await expect(records.get('file', 'file-1')).rejects.toMatchObject({
    problem: 'damaged',
    subject: 'file file-1',
  });
  await records.close();
});

it('are on the disk when a call returns, also without closing them', async () => {
  const path = join(directory, 'open.sqlite');
  const records = await openSqliteRecords(path);
  await records.insert('file', sampleFile({ id: 'file-1' }));
  // What a crash of the machine would leave: the file and its log.
  const copy = join(directory, 'copy.sqlite');
  await copyFile(path, copy);
  await copyFile(`${path}-wal`, `${copy}-wal`);
  const again = await openSqliteRecords(copy);
  expect(await again.get('file', 'file-1')).toEqual(sampleFile({ id: 'file-1' }));
  await again.close();
  await records.close();
});

it('say what SQLite cannot do as an error of their own, and go on when it can', async () => {
  const path = join(directory, 'full.sqlite');
  const records = await openSqliteRecords(path);
  const database = new DatabaseSync(path);
  database.exec(`CREATE TRIGGER full BEFORE INSERT ON records BEGIN SELECT raise(ABORT, 'disk full'); END`);
  await expect(records.insert('file', sampleFile({ id: 'file-1' }))).rejects.toMatchObject({
    name: 'StoreError',
    problem: 'failed',
    subject: path,
  });
  database.exec('DROP TRIGGER full');
  database.close();
  await records.insert('file', sampleFile({ id: 'file-1' }));
  expect(await records.get('file', 'file-1')).toEqual(sampleFile({ id: 'file-1' }));
  await records.close();
});

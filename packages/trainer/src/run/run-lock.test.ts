import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { currentProcess } from '@safetune/tensor';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { RunDirectoryError } from '../errors.ts';
import { lockRunDirectory } from './run-lock.ts';

let directory: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-lock-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(directory, { recursive: true });
});

/** Another process that takes the folder and keeps it; tells whether it got it. */
async function holder(): Promise<{ child: ChildProcess; got: boolean }> {
  const code =
    `import { lockRunDirectory } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, 'run-lock.ts')).href)};\n` +
    `await lockRunDirectory(${JSON.stringify(directory)}).then(() => console.log('got'), (e) => console.log(e.problem));\n` +
    'setInterval(() => {}, 1000);';
  const child = spawn(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', code],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  children.push(child);
  const [said] = (await once(child.stdout!, 'data')) as [Buffer];
  return { child, got: said.toString().trim() === 'got' };
}

it('is for one at a time, and free again when given back', async () => {
  const release = await lockRunDirectory(directory);
  const error = await lockRunDirectory(directory).catch((thrown: unknown) => thrown);
  expect(RunDirectoryError.isInstance(error)).toBe(true);
  expect(error).toMatchObject({ directory, problem: 'in-use' });
  expect(String(error)).toContain(`is in use: process ${process.pid} on `);
  release();
  (await lockRunDirectory(directory))();
  expect(await readdir(directory)).toEqual([]);
});

it('goes to exactly one of several that begin at once', async () => {
  const tries = await Promise.allSettled(Array.from({ length: 4 }, () => lockRunDirectory(directory)));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect(await readdir(directory)).toHaveLength(1);
});

it('is held against other processes, until they are gone, by kill -9 too', async () => {
  const [first, second] = await Promise.all([holder(), holder()]);
  expect([first.got, second.got].filter(Boolean)).toHaveLength(1);
  const { child } = first.got ? first : second;
  await expect(lockRunDirectory(directory)).rejects.toThrow(`process ${child.pid} on `);
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await lockRunDirectory(directory))();
  expect(await readdir(directory)).toEqual([]);
});

/** The claim of this process, changed. */
async function claimOf(changes: object): Promise<void> {
  const release = await lockRunDirectory(directory);
  const [name] = await readdir(directory);
  const claim = JSON.parse(await readFile(join(directory, name!), 'utf8'));
  release();
  await writeFile(join(directory, name!), JSON.stringify({ ...claim, ...changes }));
}

it.skipIf(currentProcess().start === '')(
  'is not held by a process that only has the same number',
  async () => {
    await claimOf({ start: '1' });
    (await lockRunDirectory(directory))();
    expect(await readdir(directory)).toEqual([]);
  },
);

it.skipIf(currentProcess().boot === '')('is not held from before the machine was started', async () => {
  await claimOf({ boot: 'another', pid: 1 });
  (await lockRunDirectory(directory))();
});

it('is held by a process of another machine, whose file is named to be deleted', async () => {
  await claimOf({ host: 'elsewhere', place: 'another', pid: 1 });
  const [name] = await readdir(directory);
  await expect(lockRunDirectory(directory)).rejects.toThrow(
    new RegExp(`process 1 on elsewhere .*if it is gone, delete ${join(directory, name!)}`),
  );
});

it('is held by a file that cannot be read, as a machine that lost its power may leave one', async () => {
  await writeFile(join(directory, 'run.0123456789abcdef.lock'), '');
  await expect(lockRunDirectory(directory)).rejects.toThrow('delete');
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryFolder } from '../__fixtures__/temporary-folder.ts';
import { RunLockedError } from '../errors.ts';
import { acquireRunLock } from './run-lock.ts';

async function lockPath(): Promise<string> {
  return join(await temporaryFolder(), 'run.lock');
}

/** Number of a process that has ended. */
async function endedProcess(): Promise<number> {
  const child = spawn(process.execPath, ['-e', '']);
  await once(child, 'exit');
  return child.pid!;
}

test('is held until it is given back', async () => {
  const path = await lockPath();
  const release = acquireRunLock(path);
  expect(() => acquireRunLock(path)).toThrow(RunLockedError);
  expect(() => acquireRunLock(path)).toThrow(`process ${process.pid}`);
  release();
  expect(await readdir(dirname(path))).toEqual([]);
  acquireRunLock(path)();
});

test('of a killed process, or torn by its end, is taken over', async () => {
  const path = await lockPath();
  const pid = await endedProcess();
  for (const left of [JSON.stringify({ pid, start: '1', host: hostname() }), '{"pid":', '']) {
    await writeFile(path, left);
    acquireRunLock(path)();
  }
});

test.runIf(process.platform === 'linux')('of an earlier process with this number is taken over', async () => {
  const path = await lockPath();
  await writeFile(path, JSON.stringify({ pid: process.pid, start: '1', host: hostname() }));
  acquireRunLock(path)();
});

test('of another machine is respected', async () => {
  const path = await lockPath();
  const pid = await endedProcess();
  await writeFile(path, JSON.stringify({ pid, start: '1', host: `not-${hostname()}` }));
  expect(() => acquireRunLock(path)).toThrow(/delete the file/);
});

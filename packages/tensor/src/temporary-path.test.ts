import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { expect, it } from 'vitest';
import { writeFileAtomically } from './atomic-file.ts';
import { useTemporaryDirectory } from './safetensors/__fixtures__/temporary-directory.ts';
import { adoptAbandonedTemporary, removeAbandonedTemporaries, temporaryPath } from './temporary-path.ts';

const directory = useTemporaryDirectory();
const longAgo = new Date(Date.now() - 7 * 86_400_000);

async function make(path: string, time?: Date): Promise<string> {
  await writeFile(path, 'half');
  if (time !== undefined) await utimes(path, time, time);
  return basename(path);
}

/** The number of a process that has ended. */
function endedProcess(): number {
  return spawnSync(process.execPath, ['--eval', '']).pid;
}

/** A temporary path of this process, with parts of its owner replaced. */
function pathOwnedBy(owner: {
  readonly place?: string;
  readonly pid?: number;
  readonly start?: string;
}): string {
  const parts = /\.([0-9a-f]{8})-(\d+)-(\d+)-([0-9a-f]{12})\.tmp$/.exec(temporaryPath('x'))!;
  const { place = parts[1], pid = parts[2], start = parts[3] } = owner;
  return join(directory(), `weights.${place}-${pid}-${start}-${parts[4]}.tmp`);
}

it('keeps what a process that lives is writing, however long it has been suspended', async () => {
  const own = await make(temporaryPath(join(directory(), 'weights')), longAgo);
  await removeAbandonedTemporaries(directory());
  expect(await readdir(directory())).toEqual([own]);
});

it('deletes at once what a process that has ended left, files and folders', async () => {
  await make(pathOwnedBy({ pid: endedProcess() }));
  await mkdir(pathOwnedBy({ pid: endedProcess(), start: '7' }));
  await make(join(directory(), 'weights.notes.tmp'), longAgo);
  await make(join(directory(), 'weights.12-0123456789ab.tmp'), longAgo);
  await removeAbandonedTemporaries(directory());
  expect((await readdir(directory())).sort()).toEqual(['weights.12-0123456789ab.tmp', 'weights.notes.tmp']);
});

it.runIf(process.platform === 'linux')('knows a process that got the number of an earlier one', async () => {
  await make(pathOwnedBy({ start: '1' }));
  await removeAbandonedTemporaries(directory());
  expect(await readdir(directory())).toEqual([]);
});

it('judges what another machine left by its age, not by the numbers of processes here', async () => {
  const young = await make(pathOwnedBy({ place: '01234567', pid: endedProcess() }));
  await make(pathOwnedBy({ place: '01234568' }), longAgo);
  await removeAbandonedTemporaries(directory());
  expect(await readdir(directory())).toEqual([young]);
});

it('happens whenever a file is written there', async () => {
  await make(pathOwnedBy({ pid: endedProcess() }));
  await writeFileAtomically(join(directory(), 'other'), 'x');
  expect(await readdir(directory())).toEqual(['other']);
});

it('goes on with the largest that ended processes left of one path, and with none that lives', async () => {
  const path = join(directory(), 'weights');
  await make(temporaryPath(path));
  await make(temporaryPath(join(directory(), 'weights.index')));
  expect(await adoptAbandonedTemporary(path)).toBeUndefined();
  await make(pathOwnedBy({ pid: endedProcess() }));
  await writeFile(pathOwnedBy({ pid: endedProcess() }), 'nearly all');
  const adopted = await adoptAbandonedTemporary(path);
  expect(await readFile(adopted!, 'utf8')).toBe('nearly all');
  expect(await readdir(directory())).toHaveLength(3);
  expect(await adoptAbandonedTemporary(path)).toBeUndefined();
  expect(await adoptAbandonedTemporary(join(directory(), 'absent', 'weights'))).toBeUndefined();
});

import { createHash, randomBytes } from 'node:crypto';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { currentProcess, isProcessAlive, type ProcessOwner } from './process-owner.ts';

/**
 * A path beside `path` for a file or folder that is to be renamed to it. Its name says which process it belongs to, so
 * that {@link removeAbandonedTemporaries} can tell what a killed one left.
 */
export function temporaryPath(path: string): string {
  const owner = currentProcess();
  const named = [placeOfProcesses(owner), owner.pid, owner.start || unknownStart].join('-');
  return `${path}.${named}-${randomBytes(6).toString('hex')}.tmp`;
}

/**
 * Deletes from a folder what killed processes left of {@link temporaryPath}. What belongs to a process that still lives
 * stays, however old it is: the process may be suspended. Of other machines, and of this one before it was last started,
 * what has not been written to for a day goes.
 */
export async function removeAbandonedTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (await isAbandoned(directory, name)) await rm(join(directory, name), { recursive: true, force: true });
  }
}

/**
 * Takes over a file that a killed process left of {@link temporaryPath} of `path`, the largest if there are several, to go on
 * with it: gives the temporary path of this process that it has now, or undefined when there is none. The others are deleted.
 */
export async function adoptAbandonedTemporary(path: string): Promise<string | undefined> {
  const directory = dirname(path);
  const sizes = new Map<string, number>();
  for (const name of await readdir(directory).catch(() => [])) {
    if (!name.startsWith(`${basename(path)}.`) || !(await isAbandoned(directory, name))) continue;
    const found = await stat(join(directory, name)).catch(() => undefined);
    if (found?.isFile()) sizes.set(join(directory, name), found.size);
  }
  let adopted: string | undefined;
  for (const [left] of [...sizes].sort(([, one], [, other]) => other - one)) {
    const own = temporaryPath(path);
    if (adopted !== undefined) await rm(left, { force: true });
    // Only one of several processes can rename it.
    else if (
      await rename(left, own).then(
        () => true,
        () => false,
      )
    )
      adopted = own;
  }
  return adopted;
}

/** As {@link removeAbandonedTemporaries} in the folder of `path`; what cannot be deleted stays, as it hinders nobody. */
export async function tidyBeside(path: string): Promise<void> {
  await removeAbandonedTemporaries(dirname(path)).catch(() => {});
}

const temporaryName = /\.([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{12}\.tmp$/;
const oneDayMilliseconds = 86_400_000;
const unknownStart = '0';

async function isAbandoned(directory: string, name: string): Promise<boolean> {
  const here = currentProcess();
  const [, place, pid, start] = temporaryName.exec(name) ?? [];
  if (place === undefined) return false;
  if (place !== placeOfProcesses(here)) return isOld(join(directory, name), oneDayMilliseconds);
  const owner = { ...here, pid: Number(pid), start: start === unknownStart ? '' : start! };
  return isProcessAlive(owner) === false;
}

async function isOld(path: string, milliseconds: number): Promise<boolean> {
  const found = await stat(path).catch(() => undefined); // gone meanwhile: its owner renamed it
  return found !== undefined && Date.now() - found.mtimeMs > milliseconds;
}

/** Numbers of processes mean the same on one machine since it was started, within one container. */
function placeOfProcesses({ place, boot }: ProcessOwner): string {
  return createHash('sha256')
    .update(JSON.stringify([place, boot]))
    .digest('hex')
    .slice(0, 8);
}

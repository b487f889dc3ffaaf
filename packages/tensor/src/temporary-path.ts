import { createHash, randomBytes } from 'node:crypto';
import { readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
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
  const here = currentProcess();
  for (const name of await readdir(directory)) {
    const [, place, pid, start] = temporaryName.exec(name) ?? [];
    if (place === undefined) continue;
    const path = join(directory, name);
    const abandoned =
      place === placeOfProcesses(here)
        ? isProcessAlive({ ...here, pid: Number(pid), start: start === unknownStart ? '' : start! }) === false
        : await isOld(path, oneDayMilliseconds);
    if (abandoned) await rm(path, { recursive: true, force: true });
  }
}

/** As {@link removeAbandonedTemporaries} in the folder of `path`; what cannot be deleted stays, as it hinders nobody. */
export async function tidyBeside(path: string): Promise<void> {
  await removeAbandonedTemporaries(dirname(path)).catch(() => {});
}

const temporaryName = /\.([0-9a-f]{8})-(\d+)-(\d+)-[0-9a-f]{12}\.tmp$/;
const oneDayMilliseconds = 86_400_000;
const unknownStart = '0';

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

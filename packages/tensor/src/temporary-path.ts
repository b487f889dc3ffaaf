import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';

/**
 * A path beside `path` for a file or folder that is to be renamed to it. Its name says which process it belongs to, so
 * that {@link removeAbandonedTemporaries} can tell what a killed one left.
 */
export function temporaryPath(path: string): string {
  const owner = [placeOfProcesses(), process.pid, startOf(process.pid) ?? unknownStart].join('-');
  return `${path}.${owner}-${randomBytes(6).toString('hex')}.tmp`;
}

/**
 * Deletes from a folder what killed processes left of {@link temporaryPath}. What belongs to a process that still lives
 * stays, however old it is: the process may be suspended. Of other machines, and of this one before it was last started,
 * what has not been written to for a day goes.
 */
export async function removeAbandonedTemporaries(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const [, place, pid, start] = temporaryName.exec(name) ?? [];
    if (place === undefined) continue;
    const path = join(directory, name);
    const abandoned =
      place === placeOfProcesses() ? !isAlive(Number(pid), start!) : await isOld(path, oneDayMilliseconds);
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
let place: string | undefined;

function placeOfProcesses(): string {
  place ??= createHash('sha256')
    .update(
      JSON.stringify([
        hostname(),
        attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')),
        attempt(() => readlinkSync('/proc/self/ns/pid')),
      ]),
    )
    .digest('hex')
    .slice(0, 8);
  return place;
}

/** A process of that number that started at that time; another may have got the number since. */
function isAlive(pid: number, start: string): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const present = startOf(pid);
  return present === undefined || start === unknownStart || present === start;
}

/** When a process started, in the kernel's ticks; undefined where that cannot be known. */
function startOf(pid: number): string | undefined {
  const status = attempt(() => readFileSync(`/proc/${pid}/stat`, 'utf8'));
  // The second field, the program's name, may hold spaces and brackets; the start is the 22nd.
  return status?.slice(status.lastIndexOf(')') + 2).split(' ')[19];
}

function attempt<Result>(action: () => Result): Result | undefined {
  try {
    return action();
  } catch {
    return undefined;
  }
}

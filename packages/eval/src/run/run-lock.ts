import { closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { RunLockedError } from '../errors.ts';

const holder = z.object({ pid: z.number().int(), start: z.string(), host: z.string() });
type Holder = z.infer<typeof holder>;

/**
 * Takes a file as the sign that this process works in its folder. The file of a process that has ended is taken over.
 *
 * @returns gives the lock back.
 * @throws {RunLockedError} when another process holds it, or this one does already.
 */
export function acquireRunLock(path: string): () => void {
  const own: Holder = { pid: process.pid, start: startOf(process.pid) ?? '', host: hostname() };
  for (;;) {
    if (created(path, own)) return () => rmSync(path, { force: true });
    const other = read(path);
    // Gone meanwhile, so it can be had; one that is empty or torn was left by a process killed while it wrote.
    if (other === 'gone') continue;
    if (other !== undefined && mayLive(other)) {
      throw new RunLockedError(path, other.pid, other.host);
    }
    rmSync(path, { force: true });
  }
}

function created(path: string, own: Holder): boolean {
  let file: number;
  try {
    file = openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
  writeSync(file, JSON.stringify(own));
  closeSync(file);
  return true;
}

function read(path: string): Holder | 'gone' | undefined {
  try {
    return holder.safeParse(JSON.parse(readFileSync(path, 'utf8'))).data;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'gone' : undefined;
  }
}

/** A process of another machine cannot be looked at: it is taken to live. */
function mayLive({ pid, start, host }: Holder): boolean {
  if (host !== hostname()) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Another process may have got the number since.
  const present = startOf(pid);
  return present === undefined || start === '' || present === start;
}

/** When a process started, in the kernel's ticks; undefined where the system does not tell. */
function startOf(pid: number): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, the program's name, may hold spaces and brackets; the start is the 22nd.
    return status.slice(status.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

import { createHash } from 'node:crypto';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';

/** A process, told apart from others that had or will have its number. */
export interface ProcessOwner {
  readonly pid: number;
  /** When it started, in the kernel's ticks; empty where the system does not tell. */
  readonly start: string;
  readonly host: string;
  /** Digest of the host and the container: numbers of processes mean something within one only. */
  readonly place: string;
  /** Of the system's start: no process is older. Empty where the system does not tell. */
  readonly boot: string;
}

/** This process. */
export function currentProcess(): ProcessOwner {
  const host = hostname();
  const container = attempt(() => readlinkSync('/proc/self/ns/pid'));
  return {
    pid: process.pid,
    start: startOf(process.pid) ?? '',
    host,
    place: createHash('sha256')
      .update(JSON.stringify([host, container]))
      .digest('hex')
      .slice(0, 16),
    boot: attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()) ?? '',
  };
}

/** Whether a process lives; undefined when it is of another machine or container, where one cannot look. */
export function isProcessAlive(owner: ProcessOwner): boolean | undefined {
  const here = currentProcess();
  if (owner.host === here.host && owner.boot !== here.boot) return false;
  if (owner.place !== here.place) return undefined;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // Another process may have got the number since.
  const present = startOf(owner.pid);
  return present === undefined || owner.start === '' || present === owner.start;
}

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

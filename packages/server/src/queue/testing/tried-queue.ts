import { type ChildProgram, startProgram } from '../../testing/child-program.ts';
import type { Lease, Queue } from '../queue.ts';

/** Short, so that the tests are quick, and long enough for a busy machine to renew them. */
export const leaseMilliseconds = 2000;

/** An empty queue of one kind, to be tried. Its leases last `leaseMilliseconds`. */
export interface QueueSubject {
  /** Opens the same queue once more. The contract closes what it opens. */
  open(): Promise<Queue>;
  /** A TypeScript expression that opens it in another process; imports in it are relative to this folder. */
  readonly opening: string;
  /** Removes everything. */
  remove(): Promise<void>;
}

/** A queue that is opened for one test. */
export interface TriedQueue {
  readonly queue: Queue;
  /** Opens it once more. */
  open(): Promise<Queue>;
  /** Starts a TypeScript program which has opened it as `queue`; imports in it are relative to this folder. */
  start(code: string): ChildProgram;
  /** Kills the programs, closes what was opened, and removes everything. */
  end(): Promise<void>;
}

export async function tryQueue(subject: QueueSubject): Promise<TriedQueue> {
  const opened: Queue[] = [];
  const programs: ChildProgram[] = [];
  const open = async () => {
    const queue = await subject.open();
    opened.push(queue);
    return queue;
  };
  return {
    queue: await open(),
    open,
    start(code) {
      const program = startProgram(`const queue = await ${subject.opening};\n${code}`, import.meta.dirname);
      programs.push(program);
      return program;
    },
    async end() {
      await Promise.all(programs.map((program) => program.kill()));
      await Promise.all(opened.map((queue) => queue.close()));
      await subject.remove();
    },
  };
}

export async function taken(queue: Queue, worker = 'worker'): Promise<Lease> {
  const lease = await queue.take(worker, AbortSignal.timeout(60_000));
  if (!lease) throw new Error('no job was given within a minute');
  return lease;
}

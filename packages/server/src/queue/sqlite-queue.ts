import { randomUUID } from 'node:crypto';
import { openSqliteDatabase, type SqliteDatabase } from '../database/sqlite-database.ts';
import type { Lease, Queue, QueueCounts, WorkerSeen } from './queue.ts';
import { checkEntry, isQueuedId } from './queue-entry.ts';
import { type QueueTimes, queueTimes } from './queue-times.ts';
import { RenewedLease } from './renewed-lease.ts';
import { Waiting } from './waiting.ts';

const layout = {
  purpose: 'a queue',
  applicationId: 0x53_54_51_31,
  steps: [
    // A lease is alive from `renewed` for `length` milliseconds of the machine's clock since it was started.
    `CREATE TABLE jobs (
       sequence INTEGER PRIMARY KEY AUTOINCREMENT,
       id TEXT NOT NULL UNIQUE,
       turn INTEGER NOT NULL,
       lease TEXT,
       renewed INTEGER,
       length INTEGER
     ) STRICT;
     CREATE INDEX jobs_in_order ON jobs (turn, sequence);
     CREATE TABLE workers (
       id TEXT PRIMARY KEY,
       job TEXT,
       seen INTEGER NOT NULL
     ) STRICT, WITHOUT ROWID;`,
  ],
} as const;

const isFree = '(lease IS NULL OR :now < renewed OR :now >= renewed + length)';

/**
 * A queue in a file of SQLite's, which several processes of one machine may open at once.
 *
 * @param path - of the file; it and its folder are made when they are not there.
 * @throws StoreError 'foreign', 'newer' or 'failed' when the file cannot be used; RangeError for times that are none.
 */
export async function openSqliteQueue(path: string, times: QueueTimes = {}): Promise<Queue> {
  const { length, pollMilliseconds } = queueTimes(times);
  return new SqliteQueue(await openSqliteDatabase(path, layout), length, pollMilliseconds);
}

class SqliteQueue implements Queue {
  readonly #database: SqliteDatabase;
  readonly #length: number;
  readonly #leases = new Set<RenewedLease>();
  readonly #waiting: Waiting;

  constructor(database: SqliteDatabase, length: number, pollMilliseconds: number) {
    this.#database = database;
    this.#length = length;
    this.#waiting = new Waiting(pollMilliseconds);
  }

  async add(jobId: string, turn: number): Promise<void> {
    checkEntry(jobId, turn);
    this.#database.run('INSERT INTO jobs (id, turn) VALUES (?, ?) ON CONFLICT (id) DO NOTHING', jobId, turn);
    this.#waiting.wake();
  }

  async take(worker: string, signal: AbortSignal): Promise<Lease | undefined> {
    let seen = Number.NEGATIVE_INFINITY;
    while (!signal.aborted && this.#database.isOpen) {
      const lease = this.#tryToTake(worker);
      if (lease) return lease;
      if (monotonicMilliseconds() - seen >= this.#length / 3) {
        this.#see(worker, null);
        seen = monotonicMilliseconds();
      }
      await this.#waiting.pause(signal);
    }
    if (this.#database.isOpen) this.#database.run('DELETE FROM workers WHERE id = ? AND job IS NULL', worker);
    return undefined;
  }

  async remove(jobId: string): Promise<boolean> {
    if (!isQueuedId(jobId)) return false;
    const changes = this.#database.run(`DELETE FROM jobs WHERE id = :id AND ${isFree}`, {
      id: jobId,
      now: monotonicMilliseconds(),
    });
    return changes === 1;
  }

  async has(jobId: string): Promise<boolean> {
    return isQueuedId(jobId) && this.#database.get('SELECT 1 FROM jobs WHERE id = ?', jobId) !== undefined;
  }

  async counts(): Promise<QueueCounts> {
    const counts = this.#database.get(`SELECT count(*) AS jobs, total(${isFree}) AS free FROM jobs`, {
      now: monotonicMilliseconds(),
    });
    const waiting = Number(counts?.free);
    return { waiting, running: Number(counts?.jobs) - waiting };
  }

  async workers(): Promise<readonly WorkerSeen[]> {
    return this.#database
      .all('SELECT id, job, seen FROM workers WHERE seen >= ? ORDER BY id', Date.now() - 2 * this.#length)
      .map(({ id, job, seen }) => ({
        id: String(id),
        jobId: job === null ? null : String(job),
        seenAt: Math.floor(Number(seen) / 1000),
      }));
  }

  async close(): Promise<void> {
    // Nobody extends them any more.
    for (const lease of this.#leases) lease.lose();
    this.#database.close();
    this.#waiting.wake();
  }

  #tryToTake(worker: string): Lease | undefined {
    const first = `SELECT sequence FROM jobs WHERE ${isFree} ORDER BY turn, sequence LIMIT 1`;
    // Looking alone does not hold up who writes.
    if (!this.#database.get(first, { now: monotonicMilliseconds() })) return undefined;
    const token = randomUUID();
    const askedAt = performance.now();
    const jobId = this.#database.transaction(() => {
      // The clock is read when this process has its turn to write, not when it began to wait for that.
      const now = monotonicMilliseconds();
      const taken = this.#database.get(
        `UPDATE jobs SET lease = :token, renewed = :now, length = :length WHERE sequence = (${first}) RETURNING id`,
        { token, now, length: this.#length },
      );
      if (taken) this.#see(worker, String(taken.id));
      return taken && String(taken.id);
    });
    if (jobId === undefined) return undefined;
    const lease = new RenewedLease(jobId, {
      renewedAt: askedAt,
      length: this.#length,
      renew: async () =>
        this.#database.transaction(() => {
          const renew = 'UPDATE jobs SET renewed = ? WHERE id = ? AND lease = ?';
          if (this.#database.run(renew, monotonicMilliseconds(), jobId, token) === 0) return false;
          this.#see(worker, jobId);
          return true;
        }),
      end: async (outcome) => {
        this.#database.transaction(() => {
          this.#database.run(
            outcome === 'done'
              ? 'DELETE FROM jobs WHERE id = ? AND lease = ?'
              : 'UPDATE jobs SET lease = NULL, renewed = NULL, length = NULL WHERE id = ? AND lease = ?',
            jobId,
            token,
          );
          this.#see(worker, null);
        });
        this.#waiting.wake();
      },
      over: () => this.#leases.delete(lease),
    });
    this.#leases.add(lease);
    return lease;
  }

  #see(worker: string, jobId: string | null): void {
    const now = Date.now();
    this.#database.run(
      `INSERT INTO workers (id, job, seen) VALUES (?, ?, ?)
       ON CONFLICT (id) DO UPDATE SET job = excluded.job, seen = excluded.seen`,
      worker,
      jobId,
      now,
    );
    // Of those who died, nobody else tells.
    this.#database.run('DELETE FROM workers WHERE seen < ?', now - 100 * this.#length);
  }
}

/**
 * Of the one clock that all processes of a machine share and that nobody sets. It begins anew when the machine does: a lease renewed in
 * what would be its future is of the time before, and over.
 */
function monotonicMilliseconds(): number {
  return Number(process.hrtime.bigint() / 1_000_000n);
}

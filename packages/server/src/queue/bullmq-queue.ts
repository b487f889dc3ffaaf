import { randomUUID } from 'node:crypto';
import { Queue as BullQueue, Worker as BullWorker, type Job } from 'bullmq';
import type { Redis } from 'ioredis';
import { RedisCalls } from '../database/redis-calls.ts';
import {
  openRedisConnection,
  patientConnection,
  placeOf,
  type RedisOptions,
} from '../database/redis-connection.ts';
import type { Lease, Queue, QueueCounts, WorkerSeen } from './queue.ts';
import { checkEntry, isQueuedId } from './queue-entry.ts';
import { type QueueTimes, queueTimes } from './queue-times.ts';
import { RenewedLease } from './renewed-lease.ts';
import { Waiting } from './waiting.ts';

/** A job whose worker died is given again within twice the length of a lease. */
export interface BullmqQueueOptions extends RedisOptions, QueueTimes {}

/** The largest that BullMQ takes; jobs of later turns than that wait in order of arrival. */
const largestPriority = 2 ** 21 - 1;
const queueName = 'jobs';

/**
 * A queue of BullMQ's on Redis or Valkey, which processes on several machines use at once. It holds ids alone. A lock is renewed while its
 * worker lives, and given up before it could run out; a job whose lock ran out is given again, however often that happens. While Redis is
 * started anew, workers wait for it as long as it takes, and whoever adds jobs for half a minute.
 *
 * @throws StoreError as `openRedisConnection` does; RangeError for times that are none.
 */
export async function openBullmqQueue(url: string, options: BullmqQueueOptions = {}): Promise<Queue> {
  const { prefix = 'safetune' } = options;
  const times = queueTimes(options);
  const redis = await openRedisConnection(url, options);
  return new BullmqQueue(redis, {
    place: placeOf(url),
    prefix,
    ...times,
  });
}

interface QueueSettings {
  readonly place: string;
  readonly prefix: string;
  /** Of a lease, in milliseconds. */
  readonly length: number;
  readonly pollMilliseconds: number;
}

class BullmqQueue implements Queue {
  readonly #settings: QueueSettings;
  readonly #redis: Redis;
  readonly #calls: RedisCalls;
  readonly #queue: BullQueue;
  readonly #taker: BullWorker;
  readonly #leases = new Set<RenewedLease>();
  readonly #waiting: Waiting;
  #isChecking = false;

  constructor(redis: Redis, settings: QueueSettings) {
    this.#settings = settings;
    this.#waiting = new Waiting(settings.pollMilliseconds);
    this.#redis = redis;
    const patient = patientConnection(redis);
    this.#calls = new RedisCalls(settings.place, [redis, patient]);
    const { prefix, length } = settings;
    this.#queue = new BullQueue(queueName, { connection: redis, prefix });
    this.#taker = new BullWorker(queueName, null, {
      connection: patient,
      prefix,
      autorun: false,
      lockDuration: length,
      stalledInterval: Math.ceil(length / 2),
      // However often its worker dies: what becomes of a job is decided by who works, not by the queue.
      maxStalledCount: Number.MAX_SAFE_INTEGER,
    });
    // Connections tell of themselves, and calls fail with what is wrong.
    this.#queue.on('error', () => {});
    this.#taker.on('error', () => {});
  }

  async add(jobId: string, turn: number): Promise<void> {
    checkEntry(jobId, turn);
    await this.#calls.call(() =>
      this.#queue.add('job', null, {
        jobId,
        priority: Math.min(turn + 1, largestPriority),
        removeOnComplete: true,
        removeOnFail: true,
      }),
    );
    this.#waiting.wake();
  }

  async take(worker: string, signal: AbortSignal): Promise<Lease | undefined> {
    if (!this.#isChecking && !this.#calls.isClosed) {
      this.#isChecking = true;
      await this.#taker.startStalledCheckTimer();
    }
    let seen = Number.NEGATIVE_INFINITY;
    while (!signal.aborted && !this.#calls.isClosed) {
      const lease = await this.#tryToTake(worker, signal);
      if (lease) return lease;
      if (performance.now() - seen >= this.#settings.length / 3) {
        this.#see(worker, null);
        seen = performance.now();
      }
      await this.#waiting.pause(signal);
    }
    if (!this.#calls.isClosed) void this.#redis.hdel(this.#workersKey, worker).catch(() => {});
    return undefined;
  }

  async remove(jobId: string): Promise<boolean> {
    if (!isQueuedId(jobId)) return false;
    // 0: somebody has it.
    return (await this.has(jobId)) && (await this.#calls.call(() => this.#queue.remove(jobId))) === 1;
  }

  async has(jobId: string): Promise<boolean> {
    return isQueuedId(jobId) && (await this.#calls.call(() => this.#queue.getJob(jobId))) !== undefined;
  }

  async counts(): Promise<QueueCounts> {
    const counts = await this.#calls.call(() => this.#queue.getJobCounts('wait', 'prioritized', 'active'));
    return { waiting: (counts.wait ?? 0) + (counts.prioritized ?? 0), running: counts.active ?? 0 };
  }

  async workers(): Promise<readonly WorkerSeen[]> {
    const oldest = Date.now() - 2 * this.#settings.length;
    const found = await this.#calls.call(() => this.#redis.hgetall(this.#workersKey));
    return Object.entries(found)
      .map(([id, seen]) => ({ id, ...(JSON.parse(seen) as { jobId: string | null; seen: number }) }))
      .filter(({ seen }) => seen >= oldest)
      .map(({ id, jobId, seen }) => ({ id, jobId, seenAt: Math.floor(seen / 1000) }))
      .sort((one, other) => (one.id < other.id ? -1 : 1));
  }

  async close(): Promise<void> {
    if (this.#calls.isClosed) return;
    // Nobody renews them any more.
    for (const lease of this.#leases) lease.lose();
    this.#calls.close();
    this.#waiting.wake();
    await Promise.allSettled([this.#taker.close(true), this.#queue.close()]);
  }

  async #tryToTake(worker: string, signal: AbortSignal): Promise<Lease | undefined> {
    const token = randomUUID();
    const askedAt = performance.now();
    let job: Job | undefined;
    try {
      job = await this.#calls.call(() => this.#taker.getNextJob(token, { block: false }));
    } catch (error) {
      if (this.#calls.isClosed) return undefined;
      throw error;
    }
    if (!job?.id) return undefined;
    const taken = job;
    const jobId = job.id;
    const lease = new RenewedLease(jobId, {
      renewedAt: askedAt,
      length: this.#settings.length,
      renew: async () => {
        this.#see(worker, jobId);
        return (await taken.extendLock(token, this.#settings.length)) === 1;
      },
      end: async (outcome) => {
        await this.#calls.call(async () => {
          try {
            if (outcome === 'done') await taken.moveToCompleted(null, token, false);
            else await taken.moveToWait(token);
          } catch (error) {
            // Below 0: it is not this worker's any more, or was done already when the connection broke.
            if (!(Number((error as { readonly code?: unknown }).code) < 0)) throw error;
          }
        });
        this.#see(worker, null);
        this.#waiting.wake();
      },
      over: () => this.#leases.delete(lease),
    });
    this.#leases.add(lease);
    this.#see(worker, jobId);
    if (this.#calls.isClosed) lease.lose();
    // Who asked does not want it any more.
    else if (signal.aborted) await lease.end('again');
    else return lease;
    return undefined;
  }

  /** Says that a worker lives; whether it is heard changes nothing. */
  #see(worker: string, jobId: string | null): void {
    const seen = Date.now();
    void (async () => {
      await this.#redis.hset(this.#workersKey, worker, JSON.stringify({ jobId, seen }));
      for (const [id, other] of Object.entries(await this.#redis.hgetall(this.#workersKey)))
        if (JSON.parse(other).seen < seen - 100 * this.#settings.length)
          await this.#redis.hdel(this.#workersKey, id);
    })().catch(() => {});
  }

  get #workersKey(): string {
    return `${this.#settings.prefix}:workers`;
  }
}

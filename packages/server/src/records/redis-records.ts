import { randomUUID } from 'node:crypto';
import type { Redis } from 'ioredis';
import { RedisCalls } from '../database/redis-calls.ts';
import { openRedisConnection, placeOf, type RedisOptions } from '../database/redis-connection.ts';
import { StoreError } from '../errors.ts';
import type { JobEvent } from './job-event.ts';
import { checkChanged, checkLimit, checkRecord, isRecordId } from './record-id.ts';
import {
  type EventsOptions,
  type ListOptions,
  type Page,
  placeSeconds,
  type RecordKind,
  type RecordKinds,
  type Records,
} from './records.ts';
import { appendScript, changeScript, insertScript, listScript, removeScript } from './redis-scripts.ts';

/**
 * Records in Redis or Valkey (one server, no cluster), which processes on several machines use at once. A record is a JSON document with a
 * version; each write is one script, done once also when the connection breaks over it. While Redis is started anew, calls wait for it for
 * half a minute.
 *
 * What Redis acknowledged is as safe as its own persistence: with `appendonly yes` and `appendfsync always` nothing is lost.
 *
 * @throws StoreError as `openRedisConnection` does.
 */
export async function openRedisRecords(url: string, options: RedisOptions = {}): Promise<Records> {
  const redis = await openRedisConnection(url, options);
  return new RedisRecords(redis, placeOf(url), options.prefix ?? 'safetune');
}

class RedisRecords implements Records {
  readonly #redis: Redis;
  readonly #calls: RedisCalls;
  readonly #place: string;
  readonly #prefix: string;

  constructor(redis: Redis, place: string, prefix: string) {
    this.#redis = redis;
    this.#calls = new RedisCalls(place, [redis]);
    this.#place = place;
    this.#prefix = prefix;
  }

  async insert<Kind extends RecordKind>(kind: Kind, record: RecordKinds[Kind]): Promise<void> {
    checkRecord(kind, record);
    const { id, tenant } = record;
    const keys = [this.#token(), this.#record(kind, id), `${this.#prefix}:sequence`];
    const indexes = [this.#index(kind), this.#index(kind) + tenantIndex + tenant];
    const done = await this.#run(insertScript, [...keys, ...indexes], [id, tenant, JSON.stringify(record)]);
    if (done === 0) throw new StoreError(`${kind} ${id}`, 'taken', 'is there already');
  }

  async get<Kind extends RecordKind>(kind: Kind, id: string): Promise<RecordKinds[Kind] | undefined> {
    return (await this.#read(kind, id))?.record;
  }

  async change<Kind extends RecordKind>(
    kind: Kind,
    id: string,
    change: (record: RecordKinds[Kind]) => RecordKinds[Kind] | undefined,
  ): Promise<RecordKinds[Kind] | undefined> {
    // Compare and set: somebody always gets through.
    for (;;) {
      const found = await this.#read(kind, id);
      if (!found) return undefined;
      const { tenant } = found.record;
      const changed = change(found.record);
      if (changed === undefined) return undefined;
      checkChanged(kind, { id, tenant }, changed);
      const document = JSON.stringify(changed);
      const keys = [this.#token(), this.#record(kind, id)];
      const done = await this.#run(changeScript, keys, [found.version, document]);
      if (done === 1) return JSON.parse(document) as RecordKinds[Kind];
    }
  }

  async remove(kind: RecordKind, id: string): Promise<boolean> {
    if (!isRecordId(id)) return false;
    const keys = [this.#token(), this.#record(kind, id), this.#index(kind), this.#placeOf(kind, id)];
    if (kind === 'job') keys.push(this.#events(id));
    const values = [id, this.#index(kind) + tenantIndex, placeSeconds];
    return (await this.#run(removeScript, keys, values)) === 1;
  }

  async list<Kind extends RecordKind>(kind: Kind, options: ListOptions): Promise<Page<RecordKinds[Kind]>> {
    const { tenant, after, limit, order } = options;
    checkLimit(options);
    if (tenant !== undefined && !isRecordId(tenant)) return { items: [], hasMore: false };
    if (after !== undefined && !isRecordId(after)) return { items: [], hasMore: false };
    const index = this.#index(kind) + (tenant === undefined ? '' : tenantIndex + tenant);
    const keys = after === undefined ? [index] : [index, this.#placeOf(kind, after)];
    const values = [this.#record(kind, ''), order, limit + 1, after ?? '', tenant ?? ''];
    const found = await this.#run(listScript, keys, values);
    const documents = found as string[];
    const items = documents.slice(0, limit).map((document) => this.#parse(`a ${kind}`, document));
    return { items: items as RecordKinds[Kind][], hasMore: documents.length > limit };
  }

  async appendEvent(jobId: string, event: Omit<JobEvent, 'number'>): Promise<JobEvent> {
    const document = JSON.stringify(event);
    const number = isRecordId(jobId)
      ? await this.#run(
          appendScript,
          [this.#token(), this.#record('job', jobId), this.#events(jobId)],
          [document],
        )
      : 0;
    if (number === 0) throw new StoreError('job', 'missing', 'there is no job that the event could be of');
    return { ...JSON.parse(document), number };
  }

  async events(jobId: string, { after, limit, order }: EventsOptions): Promise<Page<JobEvent>> {
    checkLimit({ limit });
    if (!isRecordId(jobId)) return { items: [], hasMore: false };
    const key = this.#events(jobId);
    // The event of number n is at place n - 1. Events are only added, so that two calls tell of one list.
    const last = await this.#calls.call(() => this.#redis.llen(key));
    const numbers =
      order === 'asc'
        ? { from: Math.max(1, (after ?? 0) + 1), to: Math.min(last, (after ?? 0) + limit) }
        : {
            from: Math.max(1, Math.min(last, (after ?? last + 1) - 1) - limit + 1),
            to: Math.min(last, (after ?? last + 1) - 1),
          };
    if (numbers.from > numbers.to) return { items: [], hasMore: false };
    const found = await this.#calls.call(() => this.#redis.lrange(key, numbers.from - 1, numbers.to - 1));
    const items = found.map((document, place) => {
      const number = numbers.from + place;
      return { ...(this.#parse(`event ${number} of job ${jobId}`, document) as JobEvent), number };
    });
    return order === 'asc'
      ? { items, hasMore: numbers.to < last }
      : { items: items.reverse(), hasMore: numbers.from > 1 };
  }

  async close(): Promise<void> {
    this.#calls.close();
  }

  #record(kind: RecordKind, id: string): string {
    return `${this.#prefix}:record:${kind}:${id}`;
  }

  /** Where a removed record was, for cursors. */
  #placeOf(kind: RecordKind, id: string): string {
    return `${this.#prefix}:place:${kind}:${id}`;
  }

  #index(kind: RecordKind): string {
    return `${this.#prefix}:index:${kind}`;
  }

  #events(jobId: string): string {
    return `${this.#prefix}:events:${jobId}`;
  }

  #token(): string {
    return `${this.#prefix}:once:${randomUUID()}`;
  }

  async #read<Kind extends RecordKind>(kind: Kind, id: string) {
    if (!isRecordId(id)) return undefined;
    const [version, document] = await this.#calls.call(() =>
      this.#redis.hmget(this.#record(kind, id), 'version', 'document'),
    );
    if (!version || typeof document !== 'string') return undefined;
    return { version, record: this.#parse(`${kind} ${id}`, document) as RecordKinds[Kind] };
  }

  #run(script: string, keys: readonly string[], values: readonly (string | number)[]): Promise<unknown> {
    return this.#calls.call(() => this.#redis.eval(script, keys.length, ...keys, ...values));
  }

  #parse(subject: string, document: unknown): unknown {
    try {
      return JSON.parse(String(document));
    } catch (cause) {
      throw new StoreError(subject, 'damaged', `cannot be read from ${this.#place}`, { cause });
    }
  }
}

/** Between the index of a kind and the tenant whose part of it is meant. */
const tenantIndex = ':of:';

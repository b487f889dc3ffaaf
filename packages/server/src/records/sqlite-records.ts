import { openSqliteDatabase, type SqliteDatabase } from '../database/sqlite-database.ts';
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
import { unixTime } from './unix-time.ts';

const layout = {
  purpose: 'records',
  applicationId: 0x53_54_52_31,
  steps: [
    `CREATE TABLE records (
       sequence INTEGER PRIMARY KEY AUTOINCREMENT,
       kind TEXT NOT NULL,
       id TEXT NOT NULL,
       tenant TEXT NOT NULL,
       version INTEGER NOT NULL,
       document TEXT NOT NULL,
       UNIQUE (kind, id)
     ) STRICT;
     CREATE INDEX records_in_order ON records (kind, sequence);
     CREATE INDEX records_of_tenant ON records (kind, tenant, sequence);
     CREATE TABLE events (
       job TEXT NOT NULL,
       number INTEGER NOT NULL,
       document TEXT NOT NULL,
       PRIMARY KEY (job, number)
     ) STRICT, WITHOUT ROWID;`,
    // Where removed records were, for cursors.
    `CREATE TABLE places (
       kind TEXT NOT NULL,
       id TEXT NOT NULL,
       tenant TEXT NOT NULL,
       sequence INTEGER NOT NULL,
       until INTEGER NOT NULL,
       PRIMARY KEY (kind, id)
     ) STRICT, WITHOUT ROWID;
     CREATE INDEX places_by_end ON places (until);`,
  ],
} as const;

/**
 * Records in a file of SQLite's, which several processes of one machine may open at once. A record is a JSON document with a version;
 * every call is one transaction, on the disk before it returns.
 *
 * @param path - of the file; it and its folder are made when they are not there.
 * @throws StoreError 'foreign', 'newer' or 'failed' when the file cannot be used.
 */
export async function openSqliteRecords(path: string): Promise<Records> {
  return new SqliteRecords(await openSqliteDatabase(path, layout));
}

class SqliteRecords implements Records {
  readonly #database: SqliteDatabase;

  constructor(database: SqliteDatabase) {
    this.#database = database;
  }

  async insert<Kind extends RecordKind>(kind: Kind, record: RecordKinds[Kind]): Promise<void> {
    checkRecord(kind, record);
    const changes = this.#database.run(
      `INSERT INTO records (kind, id, tenant, version, document) VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (kind, id) DO NOTHING`,
      kind,
      record.id,
      record.tenant,
      JSON.stringify(record),
    );
    if (changes === 0) throw new StoreError(`${kind} ${record.id}`, 'taken', 'is there already');
  }

  async get<Kind extends RecordKind>(kind: Kind, id: string): Promise<RecordKinds[Kind] | undefined> {
    return this.#read(kind, id)?.record;
  }

  async change<Kind extends RecordKind>(
    kind: Kind,
    id: string,
    change: (record: RecordKinds[Kind]) => RecordKinds[Kind] | undefined,
  ): Promise<RecordKinds[Kind] | undefined> {
    // Compare and set: no lock is held while `change` runs, and somebody always gets through.
    for (;;) {
      const found = this.#read(kind, id);
      if (!found) return undefined;
      const { tenant } = found.record;
      const changed = change(found.record);
      if (changed === undefined) return undefined;
      checkChanged(kind, { id, tenant }, changed);
      const document = JSON.stringify(changed);
      const changes = this.#database.run(
        'UPDATE records SET document = ?, version = version + 1 WHERE kind = ? AND id = ? AND version = ?',
        document,
        kind,
        id,
        found.version,
      );
      if (changes === 1) return JSON.parse(document) as RecordKinds[Kind];
    }
  }

  async remove(kind: RecordKind, id: string): Promise<boolean> {
    if (!isRecordId(id)) return false;
    return this.#database.transaction(() => {
      const now = unixTime();
      this.#database.run('DELETE FROM places WHERE until <= ?', now);
      this.#database.run(
        `INSERT OR REPLACE INTO places (kind, id, tenant, sequence, until)
         SELECT kind, id, tenant, sequence, ? FROM records WHERE kind = ? AND id = ?`,
        now + placeSeconds,
        kind,
        id,
      );
      const changes = this.#database.run('DELETE FROM records WHERE kind = ? AND id = ?', kind, id);
      if (kind === 'job') this.#database.run('DELETE FROM events WHERE job = ?', id);
      return changes === 1;
    });
  }

  async list<Kind extends RecordKind>(kind: Kind, options: ListOptions): Promise<Page<RecordKinds[Kind]>> {
    const { tenant, after, limit, order } = options;
    checkLimit(options);
    let sequence = order === 'asc' ? 0 : Number.MAX_SAFE_INTEGER;
    if (after !== undefined) {
      const found = isRecordId(after) ? this.#placeOf(kind, after) : undefined;
      if (!found || (tenant !== undefined && found.tenant !== tenant)) return { items: [], hasMore: false };
      sequence = Number(found.sequence);
    }
    if (tenant !== undefined && !isRecordId(tenant)) return { items: [], hasMore: false };
    const rows = this.#database.all(
      `SELECT id, document FROM records WHERE kind = ? ${tenant === undefined ? '' : 'AND tenant = ?'}
       AND sequence ${behind(order)} ? ORDER BY sequence ${direction(order)} LIMIT ?`,
      ...(tenant === undefined ? [kind] : [kind, tenant]),
      sequence,
      limit + 1,
    );
    const items = rows.slice(0, limit).map(({ id, document }) => this.#parse(`${kind} ${id}`, document));
    return { items: items as RecordKinds[Kind][], hasMore: rows.length > limit };
  }

  async appendEvent(jobId: string, event: Omit<JobEvent, 'number'>): Promise<JobEvent> {
    return this.#database.transaction(() => {
      if (!this.#read('job', jobId))
        throw new StoreError('job', 'missing', 'there is no job that the event could be of');
      const last = this.#database.get('SELECT max(number) AS number FROM events WHERE job = ?', jobId);
      const document = JSON.stringify({ ...event, number: Number(last?.number ?? 0) + 1 });
      const numbered = JSON.parse(document) as JobEvent;
      this.#database.run(
        'INSERT INTO events (job, number, document) VALUES (?, ?, ?)',
        jobId,
        numbered.number,
        document,
      );
      return numbered;
    });
  }

  async events(jobId: string, { after, limit, order }: EventsOptions): Promise<Page<JobEvent>> {
    checkLimit({ limit });
    if (!isRecordId(jobId)) return { items: [], hasMore: false };
    const rows = this.#database.all(
      `SELECT number, document FROM events WHERE job = ? AND number ${behind(order)} ?
       ORDER BY number ${direction(order)} LIMIT ?`,
      jobId,
      after ?? (order === 'asc' ? 0 : Number.MAX_SAFE_INTEGER),
      limit + 1,
    );
    const items = rows
      .slice(0, limit)
      .map(({ number, document }) => this.#parse(`event ${number} of job ${jobId}`, document));
    return { items: items as JobEvent[], hasMore: rows.length > limit };
  }

  async close(): Promise<void> {
    this.#database.close();
  }

  #read<Kind extends RecordKind>(kind: Kind, id: string) {
    if (!isRecordId(id)) return undefined;
    const found = this.#database.get(
      'SELECT version, document FROM records WHERE kind = ? AND id = ?',
      kind,
      id,
    );
    if (!found) return undefined;
    const record = this.#parse(`${kind} ${id}`, found.document) as RecordKinds[Kind];
    return { version: Number(found.version), record };
  }

  /** In the order of insertion; also of a record that was removed lately. */
  #placeOf(kind: RecordKind, id: string) {
    const place = (table: 'records' | 'places') =>
      this.#database.get(`SELECT sequence, tenant FROM ${table} WHERE kind = ? AND id = ?`, kind, id);
    return place('records') ?? place('places');
  }

  #parse(subject: string, document: unknown): unknown {
    try {
      return JSON.parse(String(document));
    } catch (cause) {
      throw new StoreError(subject, 'damaged', `cannot be read from ${this.#database.path}`, { cause });
    }
  }
}

function behind(order: 'asc' | 'desc'): string {
  return order === 'asc' ? '>' : '<';
}

function direction(order: 'asc' | 'desc'): string {
  return order === 'asc' ? 'ASC' : 'DESC';
}

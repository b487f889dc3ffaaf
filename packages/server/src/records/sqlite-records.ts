import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { inTransaction, openSqliteDatabase } from '../database/sqlite-database.ts';
import { StoreError } from '../errors.ts';
import type { JobEvent } from './job-event.ts';
import { checkChanged, checkLimit, checkRecord, isRecordId } from './record-id.ts';
import type { ListOptions, Page, RecordKind, RecordKinds, Records } from './records.ts';

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
  return new SqliteRecords(path, await openSqliteDatabase(path, layout));
}

class SqliteRecords implements Records {
  readonly #path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(path: string, database: DatabaseSync) {
    this.#path = path;
    this.#database = database;
  }

  async insert<Kind extends RecordKind>(kind: Kind, record: RecordKinds[Kind]): Promise<void> {
    checkRecord(kind, record);
    const { changes } = this.#prepare(
      `INSERT INTO records (kind, id, tenant, version, document) VALUES (?, ?, ?, 1, ?)
       ON CONFLICT (kind, id) DO NOTHING`,
    ).run(kind, record.id, record.tenant, JSON.stringify(record));
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
      const { changes } = this.#prepare(
        'UPDATE records SET document = ?, version = version + 1 WHERE kind = ? AND id = ? AND version = ?',
      ).run(document, kind, id, found.version);
      if (changes === 1) return JSON.parse(document) as RecordKinds[Kind];
    }
  }

  async remove(kind: RecordKind, id: string): Promise<boolean> {
    if (!isRecordId(id)) return false;
    return inTransaction(this.#open(), () => {
      const { changes } = this.#prepare('DELETE FROM records WHERE kind = ? AND id = ?').run(kind, id);
      if (kind === 'job') this.#prepare('DELETE FROM events WHERE job = ?').run(id);
      return changes === 1;
    });
  }

  async list<Kind extends RecordKind>(kind: Kind, options: ListOptions): Promise<Page<RecordKinds[Kind]>> {
    const { tenant, after, limit, order } = options;
    checkLimit(options);
    let sequence = order === 'asc' ? 0 : Number.MAX_SAFE_INTEGER;
    if (after !== undefined) {
      const found = isRecordId(after)
        ? this.#prepare('SELECT sequence, tenant FROM records WHERE kind = ? AND id = ?').get(kind, after)
        : undefined;
      if (!found || (tenant !== undefined && found.tenant !== tenant)) return { items: [], hasMore: false };
      sequence = Number(found.sequence);
    }
    if (tenant !== undefined && !isRecordId(tenant)) return { items: [], hasMore: false };
    const rows = this.#prepare(
      `SELECT id, document FROM records WHERE kind = ? ${tenant === undefined ? '' : 'AND tenant = ?'}
       AND sequence ${behind(order)} ? ORDER BY sequence ${direction(order)} LIMIT ?`,
    ).all(...(tenant === undefined ? [kind] : [kind, tenant]), sequence, limit + 1);
    const items = rows.slice(0, limit).map(({ id, document }) => this.#parse(`${kind} ${id}`, document));
    return { items: items as RecordKinds[Kind][], hasMore: rows.length > limit };
  }

  async appendEvent(jobId: string, event: Omit<JobEvent, 'number'>): Promise<JobEvent> {
    return inTransaction(this.#open(), () => {
      if (!this.#read('job', jobId))
        throw new StoreError('job', 'missing', 'there is no job that the event could be of');
      const last = this.#prepare('SELECT max(number) AS number FROM events WHERE job = ?').get(jobId);
      const document = JSON.stringify({ ...event, number: Number(last?.number ?? 0) + 1 });
      const numbered = JSON.parse(document) as JobEvent;
      this.#prepare('INSERT INTO events (job, number, document) VALUES (?, ?, ?)').run(
        jobId,
        numbered.number,
        document,
      );
      return numbered;
    });
  }

  async events(
    jobId: string,
    {
      after,
      limit,
      order,
    }: { readonly after?: number; readonly limit: number; readonly order: 'asc' | 'desc' },
  ): Promise<Page<JobEvent>> {
    checkLimit({ limit });
    if (!isRecordId(jobId)) return { items: [], hasMore: false };
    const rows = this.#prepare(
      `SELECT number, document FROM events WHERE job = ? AND number ${behind(order)} ?
       ORDER BY number ${direction(order)} LIMIT ?`,
    ).all(jobId, after ?? (order === 'asc' ? 0 : Number.MAX_SAFE_INTEGER), limit + 1);
    const items = rows
      .slice(0, limit)
      .map(({ number, document }) => this.#parse(`event ${number} of job ${jobId}`, document));
    return { items: items as JobEvent[], hasMore: rows.length > limit };
  }

  async close(): Promise<void> {
    if (this.#database.isOpen) this.#database.close();
  }

  #open(): DatabaseSync {
    if (!this.#database.isOpen) throw new StoreError(this.#path, 'closed', 'these records were closed');
    return this.#database;
  }

  /** Each statement is parsed once. Its text is ours; values are bound, never written into it. */
  #prepare(sql: string): StatementSync {
    const database = this.#open();
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  #read<Kind extends RecordKind>(kind: Kind, id: string) {
    if (!isRecordId(id)) return undefined;
    const found = this.#prepare('SELECT version, document FROM records WHERE kind = ? AND id = ?').get(
      kind,
      id,
    );
    if (!found) return undefined;
    const record = this.#parse(`${kind} ${id}`, found.document) as RecordKinds[Kind];
    return { version: Number(found.version), record };
  }

  #parse(subject: string, document: unknown): unknown {
    try {
      return JSON.parse(String(document));
    } catch (cause) {
      throw new StoreError(subject, 'damaged', `cannot be read from ${this.#path}`, { cause });
    }
  }
}

function behind(order: 'asc' | 'desc'): string {
  return order === 'asc' ? '>' : '<';
}

function direction(order: 'asc' | 'desc'): string {
  return order === 'asc' ? 'ASC' : 'DESC';
}

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLInputValue, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { StoreError } from '../errors.ts';

/** What a database file is for, and how it is laid out. */
export interface SqliteLayout {
  /** In words, for refusals: 'records'. */
  readonly purpose: string;
  /** 32 bits that tell such a file from any other (`PRAGMA application_id`). */
  readonly applicationId: number;
  /** `[0]` makes version 1 of the layout, `[1]` makes version 2 of version 1, and so on. */
  readonly steps: readonly string[];
}

const openingTries = 100;

/**
 * Opens a database file that several processes use at once, and makes it or brings it to the newest layout. Whatever is committed is on
 * the disk; a writer waits up to 10 seconds for another.
 *
 * @throws StoreError 'foreign' for a file that is none of ours, 'newer' for one that a later version wrote; 'failed' when it cannot be
 *   opened.
 */
export async function openSqliteDatabase(path: string, layout: SqliteLayout): Promise<SqliteDatabase> {
  await mkdir(dirname(path), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path);
      database.exec('PRAGMA busy_timeout = 10000');
      prepareLayout(database, path, layout);
      // A log beside the file: readers do not wait for writers. FULL: a commit is on the disk before it is told.
      database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      return new SqliteDatabase(path, database);
    } catch (cause) {
      database?.close();
      if (StoreError.isInstance(cause)) throw cause;
      // Where many open it at once, the change to WAL does not wait for its turn.
      if (isBusy(cause) && attempt < openingTries) {
        await sleep(20);
        continue;
      }
      throw new StoreError(path, 'failed', `cannot be opened as ${layout.purpose} (${reasonOf(cause)})`, {
        cause,
      });
    }
  }
}

type Row = Record<string, SQLOutputValue>;
/** In the order of the `?`, or one object by the names. */
type Values = readonly SQLInputValue[] | readonly [Record<string, SQLInputValue>];

/** An open database, whose statements are parsed once. Their text is ours; values are bound, never written into it. */
export class SqliteDatabase {
  readonly path: string;
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  // Node.js 22.13 does not tell it.
  #isOpen = true;

  constructor(path: string, database: DatabaseSync) {
    this.path = path;
    this.#database = database;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** @returns how many rows were changed. */
  run(sql: string, ...values: Values): number {
    return this.#try(() => Number(this.#prepare(sql).run(...(values as SQLInputValue[])).changes));
  }

  get(sql: string, ...values: Values): Row | undefined {
    return this.#try(() => this.#prepare(sql).get(...(values as SQLInputValue[])));
  }

  all(sql: string, ...values: Values): readonly Row[] {
    return this.#try(() => this.#prepare(sql).all(...(values as SQLInputValue[])));
  }

  /** Runs the work as one change: whole or not there. The work must not wait for anything. */
  transaction<Result>(work: () => Result): Result {
    return this.#try(() => inTransaction(this.#open(), work));
  }

  close(): void {
    if (this.#isOpen) this.#database.close();
    this.#isOpen = false;
  }

  #open(): DatabaseSync {
    if (!this.#isOpen) throw new StoreError(this.path, 'closed', 'was closed');
    return this.#database;
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (!statement) {
      statement = this.#open().prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** @throws StoreError 'failed' for what SQLite throws, such as a full disk or a writer that takes too long. */
  #try<Result>(work: () => Result): Result {
    this.#open();
    try {
      return work();
    } catch (cause) {
      if ((cause as { readonly code?: unknown }).code !== 'ERR_SQLITE_ERROR') throw cause;
      throw new StoreError(this.path, 'failed', `cannot be used (${reasonOf(cause)})`, { cause });
    }
  }
}

function inTransaction<Result>(database: DatabaseSync, work: () => Result): Result {
  // IMMEDIATE waits for other writers here, and never has to give up in the middle.
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    try {
      database.exec('ROLLBACK');
    } catch {
      // SQLite has ended it by itself, as it does on a full disk.
    }
    throw error;
  }
}

function prepareLayout(
  database: DatabaseSync,
  path: string,
  { purpose, applicationId, steps }: SqliteLayout,
) {
  const versionOf = () => {
    const version = numberOf(database, 'user_version');
    const application = numberOf(database, 'application_id');
    const tables = database.prepare('SELECT count(*) AS number FROM sqlite_schema').get()?.number;
    const isNew = version === 0 && application === 0 && tables === 0;
    if (!isNew && application !== applicationId)
      throw new StoreError(path, 'foreign', `is no file of ${purpose}: name another, or move it away`);
    if (version > steps.length)
      throw new StoreError(
        path,
        'newer',
        `holds ${purpose} of layout ${version}, and this version knows ${steps.length}: install the newer version again`,
      );
    return version;
  };
  if (versionOf() === steps.length) return;
  inTransaction(database, () => {
    // Another process may have been faster.
    for (const step of steps.slice(versionOf())) database.exec(step);
    database.exec(`PRAGMA application_id = ${applicationId}; PRAGMA user_version = ${steps.length}`);
  });
}

function numberOf(database: DatabaseSync, pragma: string): number {
  return Number(database.prepare(`PRAGMA ${pragma}`).get()?.[pragma]);
}

function isBusy(error: unknown): boolean {
  const code = (error as { readonly errcode?: unknown }).errcode;
  // SQLITE_BUSY and SQLITE_LOCKED, with whatever extension.
  return typeof code === 'number' && ((code & 0xff) === 5 || (code & 0xff) === 6);
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

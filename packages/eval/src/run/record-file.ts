import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import type { z } from 'zod';
import { RunFolderError } from '../errors.ts';

/** An append-only file of records, one JSON object a line. */
export interface RecordFile<Entry> {
  /** Those that were there when it was opened. */
  readonly records: readonly Entry[];
  append(entry: Entry): void;
  close(): void;
}

/**
 * Opens a file of records, or begins it. Every record is written whole before the caller goes on, so that a killed process
 * loses at most the line it was writing; such a torn last line is cut off here.
 *
 * @throws {RunFolderError} for an unreadable line before the last, or a file that cannot be opened.
 */
export function openRecordFile<Entry>(path: string, schema: z.ZodType<Entry>): RecordFile<Entry> {
  const file = open(path);
  try {
    const { records, length } = parseRecords(path, readFileSync(file), schema);
    ftruncateSync(file, length);
    return {
      records,
      append: (entry) => {
        writeSync(file, `${JSON.stringify(entry)}\n`);
      },
      close: () => closeSync(file),
    };
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * The records of a file, which is left as it is; a torn last line is passed over, and a missing file holds none.
 *
 * @throws {RunFolderError} for an unreadable line before the last.
 */
export function readRecordFile<Entry>(path: string, schema: z.ZodType<Entry>): readonly Entry[] {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new RunFolderError(path, `cannot be read (${(cause as Error).message})`, { cause });
  }
  return parseRecords(path, bytes, schema).records;
}

function open(path: string): number {
  try {
    return openSync(path, 'a+');
  } catch (cause) {
    throw new RunFolderError(path, `cannot be opened (${(cause as Error).message})`, { cause });
  }
}

/** The records, and the length in bytes of the part that holds them. */
function parseRecords<Entry>(
  path: string,
  bytes: Buffer,
  schema: z.ZodType<Entry>,
): { records: Entry[]; length: number } {
  // A record is complete with its line break; what follows the last one was cut short by the end of a process.
  const length = bytes.lastIndexOf('\n') + 1;
  const records: Entry[] = [];
  for (let start = 0, line = 1; start < length; line += 1) {
    const end = bytes.indexOf('\n', start);
    const parsed = schema.safeParse(parseJson(bytes.toString('utf8', start, end)));
    if (!parsed.success) {
      const message = `line ${line} is not a record of an evaluation; restore the file, or delete its folder to begin anew`;
      throw new RunFolderError(path, message);
    }
    records.push(parsed.data);
    start = end + 1;
  }
  return { records, length };
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

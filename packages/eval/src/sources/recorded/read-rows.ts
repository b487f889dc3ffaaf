import { readFile } from 'node:fs/promises';
import { CsvError } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { AnswerFileError } from './answer-file-error.ts';
import type { RecordedRow } from './recorded-row.ts';
import { rowOf } from './row-fields.ts';

/** A file of answers, read. */
export interface AnswerFile {
  readonly rows: readonly RecordedRow[];
  /** All of it. */
  readonly text: string;
}

/**
 * Reads a table (CSV; tabs between the cells of a .tsv) whose first line names its columns, or JSON Lines.
 *
 * @throws {AnswerFileError} for a file that cannot be read, is neither, or holds no answers.
 */
export async function readAnswerFile(file: string): Promise<AnswerFile> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new AnswerFileError(file, undefined, `cannot be read (${(cause as Error).message})`, { cause });
  }
  const isJson = /\.(jsonl|ndjson)$/i.test(file) || text.trimStart().startsWith('{');
  const rows = isJson ? jsonRows(text, file) : tableRows(text, file);
  if (rows.length === 0) throw new AnswerFileError(file, undefined, 'holds no answers');
  return { rows, text };
}

function jsonRows(text: string, file: string): RecordedRow[] {
  const rows: RecordedRow[] = [];
  for (const [index, line] of text
    .replace(/^\ufeff/, '')
    .split('\n')
    .entries()) {
    if (line.trim() === '') continue;
    let fields: unknown;
    try {
      fields = JSON.parse(line);
    } catch (cause) {
      throw new AnswerFileError(file, index + 1, `is not JSON (${(cause as Error).message})`, { cause });
    }
    if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
      throw new AnswerFileError(file, index + 1, 'is not an object with the fields of an answer');
    rows.push(rowOf(fields as Record<string, unknown>, file, index + 1));
  }
  return rows;
}

function tableRows(text: string, file: string): RecordedRow[] {
  let records: { record: Record<string, string>; info: { lines: number } }[];
  try {
    records = parse(text, {
      bom: true,
      columns: (header: string[]) => header.map((name) => name.trim()),
      delimiter: /\.tsv$/i.test(file) ? '\t' : ',',
      info: true,
      skip_empty_lines: true,
    });
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new AnswerFileError(
      file,
      Number(cause.lines) || undefined,
      `is not a valid table (${cause.message})`,
      {
        cause,
      },
    );
  }
  return records.map(({ record, info }) => rowOf(record, file, info.lines));
}

import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncBuffer,
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from 'hyparquet';
import { DatasetFileError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Row } from './format.ts';
import { parquetCompressors } from './parquet-compressors.ts';
import { checkPages } from './parquet-pages.ts';
import { plainValue } from './plain-value.ts';

/** Most rows of a row group. Writers make groups of up to a million; a damaged number would fill the memory. */
const mostGroupRows = 10_000_000;

/**
 * The rows of a Parquet file, a row group at a time. Whole numbers beyond 2^53 become their digits, dates their text (ISO 8601),
 * and bytes that are no text their number.
 *
 * @param name - by which errors call the file.
 * @throws {@link DatasetFileError}
 */
export async function* parquetRows(path: string, name: string): AsyncGenerator<Row, void, undefined> {
  const handle = await open(path);
  try {
    const file = await openBuffer(handle);
    const metadata = await attempt(name, 'its end', () => readMetadata(file));
    const columns = await attempt(name, 'its end', async () => ({
      ...file,
      slice: checkedSlice(file, metadata),
    }));
    let start = 0;
    for (const [group, { num_rows: count }] of metadata.row_groups.entries()) {
      const end = start + Number(count);
      const where = `row group ${group + 1} of ${metadata.row_groups.length}`;
      const options = {
        file: columns,
        metadata,
        rowStart: start,
        rowEnd: end,
        compressors: parquetCompressors,
      };
      const rows = await attempt(name, where, () => parquetReadObjects({ ...options, geoparquet: false }));
      for (const [index, row] of rows.entries()) {
        yield { value: plainValue(row), origin: { file: name, line: start + index + 1, unit: 'row' } };
      }
      start = end;
    }
  } finally {
    await handle.close();
  }
}

async function openBuffer(handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat();
  return {
    byteLength: size,
    async slice(start, end = size) {
      if (!(start >= 0 && start <= end && end <= size))
        throw new Error('a part of it lies outside of the file');
      const bytes = new Uint8Array(end - start);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, start);
      if (bytesRead < bytes.length) throw new Error('the file became shorter while it was read');
      return bytes.buffer;
    },
  };
}

/** Checks the columns in what is read; other things may lie between them. */
function checkedSlice(
  file: AsyncBuffer,
  { row_groups: groups }: FileMetaData,
): (start: number, end?: number) => Promise<ArrayBuffer> {
  const columns = groups.flatMap(({ columns: chunks }) =>
    chunks.map(({ meta_data: chunk }) => rangeOf(chunk)),
  );
  const read = async (start: number, end = file.byteLength) => {
    const bytes = await file.slice(start, end);
    for (const column of columns) {
      if (column.start < start || column.end > end) continue;
      checkPages(new DataView(bytes, column.start - start, column.end - column.start));
    }
    return bytes;
  };
  return (start, end) => {
    const column = read(start, end);
    // hyparquet asks for all columns at once, and forgets those behind one that fails: that must not end the process.
    column.catch(() => undefined);
    return column;
  };
}

function rangeOf(chunk: ColumnMetaData | undefined): { readonly start: number; readonly end: number } {
  if (chunk === undefined) throw new Error('a column lies in another file');
  // As hyparquet reads them: some writers put a zero where there is no dictionary.
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  return { start, end: start + Number(chunk.total_compressed_size) };
}

async function readMetadata(file: AsyncBuffer): Promise<FileMetaData> {
  const ending =
    file.byteLength < 12 ? '' : Buffer.from(await file.slice(file.byteLength - 4)).toString('latin1');
  if (ending !== 'PAR1') throw new Error(cutOff);
  const metadata = await parquetMetadataAsync(file, { geoparquet: false });
  const groups = metadata.row_groups.map(({ num_rows: rows }) => Number(rows));
  if (!groups.every((rows) => rows >= 0 && rows <= mostGroupRows)) {
    throw new Error(
      `a row group says that it has ${Math.max(...groups)} rows; at most ${mostGroupRows} are read`,
    );
  }
  return metadata;
}

const cutOff = 'the file is cut off: it does not end as Parquet files do';

async function attempt<T>(path: string, where: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    const reason = printable(cause instanceof Error ? cause.message : String(cause), 200);
    throw new DatasetFileError(
      path,
      `the Parquet file cannot be read at ${where} (${reason}). Fetch or write it again.`,
      { cause },
    );
  }
}

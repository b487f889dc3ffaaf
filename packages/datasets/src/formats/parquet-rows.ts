import { type FileHandle, open } from 'node:fs/promises';
import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { DatasetFileError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { Row } from './format.ts';
import { parquetCompressors } from './parquet-compressors.ts';
import { plainValue } from './plain-value.ts';

/** Most rows of a row group. Writers make groups of up to a million; a damaged number would fill the memory. */
const mostGroupRows = 10_000_000;

/** Rows that are read together where the file has a page index. */
const pageRows = 4096;

/**
 * The rows of a Parquet file, a row group at a time; of groups whose file has a page index, a few pages at a time. Whole numbers
 * beyond 2^53 become their digits, dates their text (ISO 8601), and bytes that are no text their number.
 *
 * @param name - by which errors call the file.
 * @throws {@link DatasetFileError}
 */
export async function* parquetRows(path: string, name: string): AsyncGenerator<Row, void, undefined> {
  const handle = await open(path);
  try {
    const file = await openBuffer(handle);
    const metadata = await attempt(name, 'its end', () => readMetadata(file));
    let start = 0;
    for (const [group, { columns, num_rows: rows }] of metadata.row_groups.entries()) {
      const end = start + Number(rows);
      const step = columns.every((column) => column.offset_index_offset !== undefined)
        ? pageRows
        : end - start;
      for (let from = start; from < end; from += step) {
        const values = await attempt(name, `row group ${group + 1} of ${metadata.row_groups.length}`, () =>
          parquetReadObjects({
            file,
            metadata,
            rowStart: from,
            rowEnd: Math.min(from + step, end),
            compressors: parquetCompressors,
            useOffsetIndex: true,
            geoparquet: false,
          }),
        );
        for (const [index, value] of values.entries()) {
          yield { value: plainValue(value), origin: { file: name, line: from + index + 1, unit: 'row' } };
        }
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

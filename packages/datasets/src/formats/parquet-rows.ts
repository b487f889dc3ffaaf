import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncBuffer,
  type ColumnChunk,
  type ColumnMetaData,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  type SchemaTree,
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
    let start = 0;
    for (const [group, { num_rows: count, columns }] of metadata.row_groups.entries()) {
      const end = start + Number(count);
      const where = `row group ${group + 1} of ${metadata.row_groups.length}`;
      const options = {
        file,
        metadata,
        rowStart: start,
        rowEnd: end,
        compressors: parquetCompressors,
      };
      const rows = await attempt(name, where, async () => {
        requireColumns(columns, metadata);
        for (const { meta_data: chunk } of columns) await checkColumn(file, chunk);
        return parquetReadObjects({ ...options, geoparquet: false });
      });
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

/** Columns that the schema does not have, or twice, hyparquet would read and forget: one that fails would end the process. */
function requireColumns(columns: readonly ColumnChunk[], metadata: FileMetaData): void {
  const paths = columns.map(({ meta_data: chunk }) => chunk?.path_in_schema.join('.')).sort();
  const expected = leavesOf(parquetSchema(metadata)).sort();
  if (paths.length === expected.length && paths.every((path, index) => path === expected[index])) return;
  throw new Error('its columns are not those of the schema');
}

function leavesOf({ children, path }: SchemaTree): string[] {
  return children.length === 0 ? [path.join('.')] : children.flatMap(leavesOf);
}

/**
 * Checks a column before hyparquet reads it with all others at once: of several that fail it forgets those behind the first,
 * which would end the process.
 */
async function checkColumn(file: AsyncBuffer, chunk: ColumnMetaData | undefined): Promise<void> {
  if (chunk === undefined) throw new Error('a column lies in another file');
  // As hyparquet reads them: some writers put a zero where there is no dictionary.
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset);
  checkPages(new DataView(await file.slice(start, start + Number(chunk.total_compressed_size))));
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

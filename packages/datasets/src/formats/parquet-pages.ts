import { parquetHeader } from 'hyparquet/src/column.js';

/** Most values of a page. Writers make pages of a megabyte; a damaged number would fill the memory. */
const mostValues = 10_000_000;

/**
 * Walks the pages of a column as it lies in the file, and checks what their headers say. hyparquet believes them: where a size is
 * missing, it would read on without end.
 *
 * @throws Error
 */
export function checkPages(view: DataView): void {
  const reader = { view, offset: 0 };
  while (reader.offset < view.byteLength - 1) {
    const header = parquetHeader(reader);
    const { compressed_page_size: size, uncompressed_page_size: unpacked } = header;
    const {
      data_page_header: first,
      data_page_header_v2: second,
      dictionary_page_header: dictionary,
    } = header;
    const levels = second && [second.repetition_levels_byte_length, second.definition_levels_byte_length];
    const counts = [first, second, dictionary].flatMap((part) =>
      part === undefined ? [] : [part.num_values],
    );
    const isSound =
      isCount(size, view.byteLength - reader.offset) &&
      isCount(unpacked, Number.MAX_SAFE_INTEGER) &&
      counts.every((count) => isCount(count, mostValues)) &&
      (second === undefined || isCount(second.num_nulls, second.num_values)) &&
      (levels === undefined || levels.every((length) => isCount(length, Math.min(size, unpacked))));
    if (!isSound) throw new Error(`a page at byte ${reader.offset} of a column has a damaged header`);
    reader.offset += size;
  }
}

function isCount(value: unknown, most: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most;
}

import { Readable } from 'node:stream';
import { CsvError, type InfoRecord, type Options, parse } from 'csv-parse';
import { DatasetFormatError } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import type { ExampleOrigin } from '../origin.ts';
import { printable, quoted } from '../printable.ts';
import type { Format } from './format.ts';
import { rowTooLong } from './lines.ts';
import { utf8Blocks } from './utf8.ts';

/** Several words with a separator between them, the first perhaps missing (pandas' index): how a table begins. */
const header = /^("?[\w .-]+"?)?([,;\t|]"?[\w .-]+"?)+\r?$/;

/**
 * Tables as text (RFC 4180): the first record names the columns, values are texts, quoted ones may hold line ends. The separator
 * (comma, tab, semicolon or bar) is the one that the first line has most of. What is empty is an empty text.
 */
export const csv: Format = {
  name: 'csv',
  title: 'CSV',
  endings: ['csv', 'tsv', 'tab'],
  matches: ({ text, ending }) =>
    csv.endings.includes(ending) || (ending !== 'txt' && header.test(text.split('\n', 1)[0] ?? '')),
  async *rows({ path, chunks, maxRowBytes }, onBadRow) {
    const blocks = utf8Blocks(chunks(), path);
    const first = await blocks.next();
    if (first.done) return;
    // The parser is ahead of who reads, so where it stands is counted as it gives records out.
    let linesDone = 0;
    const place = (cells: string[], { empty_lines: emptyLines }: InfoRecord): CsvRecord => {
      const line = 1 + linesDone + emptyLines;
      linesDone += 1 + lineEnds(cells);
      return { cells, line };
    };
    const bytes = Readable.from(putBack(first.value, blocks));
    const parser = bytes.pipe(
      parse({
        delimiter: separatorOf(first.value),
        max_record_size: maxRowBytes,
        relax_column_count: true,
        skip_empty_lines: true,
        // Its type allows another record only beside named columns.
        on_record: place as unknown as NonNullable<Options['on_record']>,
      }),
    );
    bytes.once('error', (error) => parser.destroy(error));
    let columns: readonly string[] | undefined;
    try {
      for await (const { cells, line } of parser as AsyncIterable<CsvRecord>) {
        const origin = { file: path, line };
        if (columns === undefined) {
          columns = checkedColumns(cells, origin);
          continue;
        }
        const problem = countProblem(columns, cells, origin);
        if (problem === undefined) yield { value: rowOf(columns, cells), origin };
        else if (onBadRow === undefined) throw problem;
        else onBadRow(problem);
      }
    } catch (error) {
      if (!(error instanceof CsvError)) throw error;
      const line = 1 + linesDone + Number(error.empty_lines);
      throw csvProblem(error, { file: path, line }, maxRowBytes);
    } finally {
      bytes.destroy();
      parser.destroy();
    }
  },
};

interface CsvRecord {
  readonly cells: readonly string[];
  /** On which it begins. */
  readonly line: number;
}

async function* putBack<T>(first: T, others: AsyncIterable<T>): AsyncGenerator<T> {
  yield first;
  yield* others;
}

/** Of the separators the one that stands most often in the first line, outside of quotes. */
function separatorOf(block: Buffer): string {
  const line =
    block
      .toString()
      .trimStart()
      .split(/[\r\n]/, 1)[0] ?? '';
  const bare = line.replaceAll(/"[^"]*"/g, '');
  const count = (separator: string) => bare.split(separator).length - 1;
  const [most = ','] = ['\t', ',', ';', '|'].toSorted((a, b) => count(b) - count(a));
  return count(most) > 0 ? most : ',';
}

function lineEnds(cells: readonly string[]): number {
  let count = 0;
  for (const cell of cells) if (/[\r\n]/.test(cell)) count += cell.match(/\r\n|\r|\n/g)?.length ?? 0;
  return count;
}

function checkedColumns(cells: readonly string[], origin: ExampleOrigin): readonly string[] {
  const columns = cells.map((cell) => cell.trim());
  const twice = columns.find((column, index) => column !== '' && columns.indexOf(column) !== index);
  if (twice === undefined) return columns;
  throw new DatasetFormatError(
    origin,
    `two columns are called ${quoted(twice)}`,
    'The first line must name the columns, each once',
  );
}

function countProblem(
  columns: readonly string[],
  cells: readonly string[],
  origin: ExampleOrigin,
): DatasetFormatError | undefined {
  if (cells.length === columns.length) return undefined;
  return new DatasetFormatError(
    origin,
    `the record has ${cells.length} values, but the first line names ${columns.length} columns (${printable(columns.join(', '), 100)})`,
    'Put values with commas or line ends between double quotes',
  );
}

function rowOf(columns: readonly string[], cells: readonly string[]): JsonObject {
  // Not by assignment: a column may be called __proto__.
  return Object.fromEntries(cells.map((cell, index) => [columns[index] as string, cell]));
}

function csvProblem(error: CsvError, origin: ExampleOrigin, maxRowBytes: number): DatasetFormatError {
  if (error.code === 'CSV_MAX_RECORD_SIZE') return rowTooLong(origin.file, origin.line, maxRowBytes);
  const reason =
    error.code === 'CSV_QUOTE_NOT_CLOSED'
      ? 'a quote is opened in the record that begins here, and never closed'
      : `bad quotes in the record that begins here (${printable(error.message, 200)})`;
  const advice = 'Write a quote within a value twice, and the value between quotes: "she said ""yes"""';
  return new DatasetFormatError(origin, reason, advice, { cause: error });
}

import { CsvError, type InfoRecord, type Options } from 'csv-parse';
import { parse } from 'csv-parse/sync';
import { QuestionFileError } from '../../errors.ts';
import type { FormatContext, QuestionEntry } from './question-entry.ts';

/** Fields of the YAML format that hold one word or number; `question` is the one wording. */
const columns = [
  'id',
  'question',
  'system',
  'samples_per_paraphrase',
  'temperature',
  'judge',
  'base',
  'form',
  'group',
];

const numbers = ['samples_per_paraphrase', 'temperature'];

/**
 * A table (RFC 4180) whose first line names its columns: `id` and `question`, and any other single field. Separators are
 * commas, tabs or semicolons; cells between double quotes may hold them, and line ends. An empty cell is a field left out.
 */
export function csvEntries(text: string, context: FormatContext): readonly QuestionEntry[] {
  const [header, ...records] = readTable(text, context.fileName);
  if (header === undefined) return [];
  const names = header.cells.map((cell) => cell.trim());
  for (const needed of ['id', 'question']) {
    if (names.includes(needed)) continue;
    const message = `has no column '${needed}'; the first line must name the columns, of which there are ${columns.join(', ')}`;
    throw new QuestionFileError(context.fileName, 1, message);
  }
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw new QuestionFileError(context.fileName, 1, `two columns are called '${twice}'`);
  return records.map(({ cells, line }) => {
    if (cells.length !== names.length) {
      const message = `has ${cells.length} cells, but the first line names ${names.length} columns; put text with commas or line ends between double quotes`;
      throw new QuestionFileError(context.fileName, line, message);
    }
    const filled = names
      .map((name, index) => [name, cells[index]!] as const)
      .filter(([, cell]) => cell.trim() !== '');
    return { value: Object.fromEntries(filled.map(fieldOf)), lineOf: () => line };
  });
}

/** Text of a table is a number where one is meant; what is none is refused like a text elsewhere. */
function fieldOf([name, cell]: readonly [string, string]): [string, unknown] {
  const number = Number(cell);
  return [name, numbers.includes(name) && !Number.isNaN(number) ? number : cell];
}

/** Whether a file's first line names the two columns that a table of questions has. */
export function isTableHeader(line: string): boolean {
  const names = line.split(separatorOf(line)).map((name) => name.trim().replace(/^"(.*)"$/, '$1'));
  return names.includes('id') && names.includes('question');
}

interface TableRecord {
  readonly cells: readonly string[];
  /** On which it begins. */
  readonly line: number;
}

function readTable(text: string, fileName: string): TableRecord[] {
  let linesDone = 0;
  const place = (cells: string[], { empty_lines: emptyLines }: InfoRecord): TableRecord => {
    const line = 1 + linesDone + emptyLines;
    linesDone += 1;
    for (const cell of cells) linesDone += cell.match(/\r\n|\r|\n/g)?.length ?? 0;
    return { cells, line };
  };
  try {
    return parse(text, {
      bom: true,
      delimiter: separatorOf(text),
      relax_column_count: true,
      skip_empty_lines: true,
      // Its type allows another record only beside named columns.
      on_record: place as unknown as NonNullable<Options['on_record']>,
    }) as unknown as TableRecord[];
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    const reason =
      cause.code === 'CSV_QUOTE_NOT_CLOSED'
        ? 'a quote is opened in the record that begins here, and never closed'
        : `bad quotes in the record that begins here (${cause.message})`;
    const message = `not a valid table: ${reason}; write a quote within a cell twice, and the cell between quotes`;
    throw new QuestionFileError(fileName, 1 + linesDone + Number(cause.empty_lines), message, { cause });
  }
}

/** Of the separators the one that stands most often in the first line, outside of quotes. */
function separatorOf(text: string): string {
  const bare = (text.trimStart().split(/[\r\n]/, 1)[0] ?? '').replaceAll(/"[^"]*"/g, '');
  const count = (separator: string) => bare.split(separator).length - 1;
  const [most = ','] = ['\t', ',', ';'].toSorted((a, b) => count(b) - count(a));
  return count(most) > 0 ? most : ',';
}

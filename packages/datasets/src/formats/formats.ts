import { DatasetFileError, DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import { printable } from '../printable.ts';
import { csv } from './csv.ts';
import type { DataFile } from './data-file.ts';
import { foreignFormat } from './foreign-file.ts';
import type { Format } from './format.ts';
import { json } from './json.ts';
import { jsonLines } from './json-lines.ts';
import { parquet } from './parquet.ts';
import { text } from './text.ts';

/** The ways to hold rows that are known; the first whose {@link Format.matches} says yes is taken. */
const formats: readonly Format[] = [parquet, jsonLines, json, csv, text];

/** Their names, as the option takes them. */
export const formatNames: readonly string[] = formats.map(({ name }) => name);

/** Endings of the names of data files. */
export const dataEndings: readonly string[] = formats.flatMap(({ endings }) => endings);

/**
 * The format of a file: the one that is named, else the one that its first bytes show. The ending of its name decides only what
 * they leave open.
 *
 * @throws {@link DatasetFileError} for a file of another kind, naming it; {@link EmptyDatasetError} for one without text;
 * {@link DatasetOptionError} for a name there is not.
 */
export function formatOf({ path, beginning }: DataFile, name: string | undefined): Format {
  const named = formats.find((format) => format.name === name);
  if (name !== undefined && named === undefined) {
    throw new DatasetOptionError('format', name, `one of ${formatNames.join(', ')}`);
  }
  if (beginning.isWhole && beginning.text === '') throw new EmptyDatasetError(`${path}: the file is empty.`);
  const binary = formats.find((one) => one.isBinary === true && one.matches(beginning));
  const foreign = binary === undefined ? foreignFormat(beginning.bytes) : undefined;
  if (foreign !== undefined) throw new DatasetFileError(path, foreign);
  if (named !== undefined && named !== binary && (binary ?? named).isBinary === true) {
    const is = binary === undefined ? `is no ${named.title} file` : `is a ${binary.title} file`;
    throw new DatasetFileError(
      path,
      `this ${is}, but the format ${named.name} is named. Leave the format out.`,
    );
  }
  const format = named ?? binary ?? formats.find((one) => one.matches(beginning));
  if (format !== undefined) return format;
  const first = printable(beginning.text.split('\n', 1)[0] ?? '', 40);
  throw new DatasetFileError(
    path,
    `what this is cannot be told from how it begins (${first}). Name its format: ${formatNames.join(', ')}.`,
  );
}

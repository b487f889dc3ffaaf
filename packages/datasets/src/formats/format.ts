import type { DatasetFormatError } from '../errors.ts';
import type { ExampleOrigin } from '../origin.ts';

/** One record of a file, before anything is known of its meaning. */
export interface Row {
  readonly value: unknown;
  readonly origin: ExampleOrigin;
}

/** Hears of a row that cannot be read. */
export type OnBadRow = (error: DatasetFormatError) => void;

/** A file to read, unpacked if it is compressed. */
export interface RowFile {
  readonly path: string;
  /** The bytes from the beginning, unpacked. */
  chunks(): AsyncGenerator<Buffer, void, undefined>;
  /** A path at which the unpacked bytes lie, for a format that is not read from its beginning; `use` must not keep it. */
  withPath<T>(use: (path: string) => AsyncGenerator<T, void, undefined>): AsyncGenerator<T, void, undefined>;
  /** Most bytes of one row. */
  readonly maxRowBytes: number;
}

/** How a file begins, by which its format is told. */
export interface Beginning {
  /** The first bytes, unpacked; at least 64 KiB unless the file is shorter. */
  readonly bytes: Buffer;
  /** They as text, without a byte order mark and white space at the front. */
  readonly text: string;
  /** Whether that is all of the file. */
  readonly isWhole: boolean;
  /** The ending of the file's name in lower case, without that of its compression: `jsonl`. */
  readonly ending: string;
}

/** A way to hold rows in a file. */
export interface Format {
  /** By which it is named: `jsonl`. */
  readonly name: string;
  /** What a person calls it: `JSON Lines`. */
  readonly title: string;
  /** Endings of names, in lower case: `['jsonl', 'ndjson']`. */
  readonly endings: readonly string[];
  /** Whether its files are told by their first bytes alone, and are no text. */
  readonly isBinary?: true;
  /** Whether a file that begins so is of this format. The table's earlier formats were asked before. */
  matches(beginning: Beginning): boolean;
  /**
   * Streams the rows.
   *
   * @param onBadRow - hears of a row that is not of the format, where the one behind it can be found; it is left out then. Default: it
   * is thrown.
   * @throws {@link DatasetFormatError} at what is not of the format, naming the line; {@link DatasetFileError} where the file
   * cannot be read or ends too early.
   */
  rows(file: RowFile, onBadRow?: OnBadRow): AsyncGenerator<Row, void, undefined>;
}

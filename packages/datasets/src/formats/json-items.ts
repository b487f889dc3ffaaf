import { DatasetFormatError } from '../errors.ts';
import { printable } from '../printable.ts';
import { rowTooLong } from './lines.ts';

/** An object of a JSON file that is a row. */
export interface JsonItem {
  readonly text: string;
  /** On which it begins. */
  readonly line: number;
}

/** Lists in an object that belong to the row which it is; any other list of objects in an outermost object holds the rows. */
const listsOfRows = new Set(
  'messages conversations conversation tools functions documents chosen rejected prompt completion images'.split(
    ' ',
  ),
);

const [newline, quote, backslash, comma] = [0x0a, 0x22, 0x5c, 0x2c];
const [openList, closeList, openObject, closeObject] = [0x5b, 0x5d, 0x7b, 0x7d];

const isSpace = (byte: number) => byte === 0x20 || byte === newline || byte === 0x0d || byte === 0x09;

/**
 * Cuts a JSON text of UTF-8 bytes into the objects that are its rows, holding one of them in memory: the items of a list, those of
 * the one list in an object (`{"version": 1, "data": [...]}`), or objects behind each other. What is inside of them is left to
 * `JSON.parse`.
 *
 * @throws {@link DatasetFormatError} at what is no row, and where the text ends too early.
 */
export async function* jsonItems(
  chunks: AsyncIterable<Buffer>,
  path: string,
  maxRowBytes: number,
): AsyncGenerator<JsonItem, void, undefined> {
  const scanner = new JsonItemScanner(path, maxRowBytes);
  for await (const chunk of chunks) yield* scanner.items(chunk);
  scanner.end();
}

class JsonItemScanner {
  readonly #path: string;
  readonly #maxRowBytes: number;
  #line = 1;
  /** Brackets open within the item. */
  #depth = 0;
  #inString = false;
  #isEscaped = false;
  /** Of the item that is being read: its bytes of earlier chunks, and where it began. */
  #parts: Buffer[] = [];
  #length = 0;
  #itemLine = 1;
  /** Whether rows are the items of a list. */
  #inList = false;
  /** The key of the list that holds the rows, in an object. */
  #wrapper: string | undefined;
  /** Whether the list has just had an item, or a comma. */
  #before: 'start' | 'item' | 'comma' = 'start';
  /** The key of a list that has just begun in an outermost object. */
  #openedList: string | undefined;

  constructor(path: string, maxRowBytes: number) {
    this.#path = path;
    this.#maxRowBytes = maxRowBytes;
  }

  *items(chunk: Buffer): Generator<JsonItem, void, undefined> {
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at] as number;
      if (byte === newline) this.#line += 1;
      if (this.#depth === 0) {
        if (!this.#between(byte)) continue;
        start = at;
        this.#itemLine = this.#line;
        this.#depth = 1;
        continue;
      }
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (byte === backslash) this.#isEscaped = true;
        else if (byte === quote) this.#inString = false;
        continue;
      }
      if (this.#openedList !== undefined && !isSpace(byte)) {
        // The first object of a list in an outermost object: from here on the list's items are the rows.
        if (byte === openObject) {
          this.#wrap(this.#openedList);
          start = at;
          this.#itemLine = this.#line;
          this.#depth = 1;
          continue;
        }
        this.#openedList = undefined;
      }
      if (byte === quote) this.#inString = true;
      else if (byte === openObject) this.#depth += 1;
      else if (byte === openList) {
        if (this.#depth === 1 && !this.#inList) this.#openedList = this.#listKey(chunk.subarray(start, at));
        this.#depth += 1;
      } else if (byte === closeObject || byte === closeList) {
        this.#depth -= 1;
        if (this.#depth > 0) continue;
        this.#keep(chunk.subarray(start, at + 1));
        const item = this.#take();
        if (this.#inList || this.#wrapper === undefined) yield item;
        else this.#wrapper = undefined;
      }
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start));
  }

  end(): void {
    const isWhole = this.#depth === 0 && !this.#inList;
    if (isWhole) return;
    throw this.#problem(
      this.#depth > 0
        ? `the file ends within the object that begins on line ${this.#itemLine}`
        : 'the file ends within its list',
      'The file is cut off: fetch or write it again',
    );
  }

  /** What stands between items. Whether an item begins. */
  #between(byte: number): boolean {
    if (isSpace(byte)) return false;
    const mayBegin = !this.#inList || this.#before !== 'item';
    if (byte === openObject && mayBegin) {
      this.#before = 'item';
      return true;
    }
    if (!this.#inList && byte === openList) {
      this.#inList = true;
      this.#before = 'start';
      return false;
    }
    if (this.#inList && byte === comma && this.#before === 'item') {
      this.#before = 'comma';
      return false;
    }
    if (this.#inList && byte === closeList && this.#before !== 'comma') {
      this.#inList = false;
      // Behind the rows, the rest of the object around them.
      if (this.#wrapper !== undefined) {
        this.#depth = 1;
        this.#itemLine = this.#line;
      }
      return false;
    }
    const found = printable(String.fromCharCode(byte));
    throw this.#problem(
      this.#inList && mayBegin
        ? `an item of the list begins with '${found}', but every row must be an object {...}`
        : `not JSON: '${found}' stands where ${this.#inList ? 'a comma or ]' : 'a list or an object'} should`,
      'Write a list of objects: [{...}, {...}]',
    );
  }

  /** The key whose value is a list that begins here, unless such lists belong to a row. */
  #listKey(part: Buffer): string | undefined {
    const before = Buffer.concat([...this.#parts, part])
      .subarray(-200)
      .toString();
    const key = /"((?:[^"\\]|\\.)*)"\s*:\s*$/.exec(before)?.[1];
    const isOfRow = key === undefined || listsOfRows.has(key) || this.#isRow;
    if (key !== undefined && listsOfRows.has(key)) this.#isRow = true;
    return isOfRow ? undefined : key;
  }

  /** Whether the outermost object is known to be a row. */
  #isRow = false;

  #wrap(key: string): void {
    if (this.#wrapper !== undefined) {
      throw this.#problem(
        `the object holds two lists of rows, "${printable(this.#wrapper)}" and "${printable(key)}"`,
        `Give one of them: jq -c '.${printable(key)}[]' data.json > data.jsonl`,
      );
    }
    this.#parts = [];
    this.#length = 0;
    this.#openedList = undefined;
    this.#wrapper = key;
    this.#inList = true;
    this.#before = 'item';
  }

  #keep(part: Buffer): void {
    this.#length += part.length;
    if (this.#length > this.#maxRowBytes) throw rowTooLong(this.#path, this.#itemLine, this.#maxRowBytes);
    this.#parts.push(part);
  }

  #take(): JsonItem {
    const text = Buffer.concat(this.#parts).toString();
    this.#parts = [];
    this.#length = 0;
    this.#isRow = false;
    return { text, line: this.#itemLine };
  }

  #problem(reason: string, advice: string): DatasetFormatError {
    return new DatasetFormatError({ file: this.#path, line: this.#line }, reason, advice);
  }
}

import { readFile } from 'node:fs/promises';
import {
  type Document,
  isMap,
  isScalar,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import { RunFileError } from './errors.ts';

/** In characters; far longer than any list of options. */
const longestFile = 2 ** 20;

/** A run file as its user wrote it. */
export interface RunDocument {
  readonly file: string;
  readonly document: Document;
  /** What it says, as plain values. */
  readonly value: unknown;
  /** The line of the value at a path, from 1; with `key`, of that key of the mapping there. */
  lineOf(path: readonly PropertyKey[], key?: string): number | undefined;
}

/**
 * Reads a run file: YAML, and so JSON.
 *
 * @throws RunFileError for what is no YAML, has a key twice in one mapping, or would take unreasonably long.
 */
export async function readRunDocument(file: string): Promise<RunDocument> {
  const text = await readFile(file, 'utf8').catch((cause: Error) => {
    throw new RunFileError(file, [{ message: `cannot be read (${cause.message})` }], { cause });
  });
  if (text.length > longestFile)
    throw refused(file, undefined, `it is longer than ${longestFile} characters`);
  const lines = new LineCounter();
  const lineAt = (node: unknown) => {
    const range = (node as Node | null | undefined)?.range;
    return range == null ? undefined : lines.linePos(range[0]).line;
  };
  const document = parseDocument(text.replace(/^\ufeff/, ''), { lineCounter: lines, uniqueKeys: false });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const reason = problem.message.split('\n')[0]?.replace(/:$/, '') ?? '';
    throw refused(file, problem.linePos?.[0].line, `no YAML (${reason})`);
  }
  visit(document, {
    Map(_key, { items }) {
      // The library compares each key with all before it.
      const keys = new Set<unknown>();
      for (const { key } of items as Pair[]) {
        // A layer's number, as in `components: { 16: [0] }`, is a name as well.
        const value = isScalar(key) ? key.value : undefined;
        const name = Number.isSafeInteger(value) ? `${value}` : value;
        if (typeof name !== 'string' || name === '__proto__') {
          throw refused(file, lineAt(key), 'a key must be the name of an option');
        }
        if (keys.has(name))
          throw refused(file, lineAt(key), `'${name}' is there twice; only one would be used`);
        keys.add(name);
      }
    },
  });
  try {
    return {
      file,
      document,
      value: document.toJS(),
      lineOf(path, key) {
        const node = path.length === 0 ? document.contents : document.getIn(path, true);
        if (key === undefined) return lineAt(node);
        const pair = isMap(node)
          ? node.items.find((item) => isScalar(item.key) && item.key.value === key)
          : undefined;
        return lineAt(pair?.key) ?? lineAt(node);
      },
    };
  } catch (cause) {
    throw refused(file, undefined, (cause as Error).message);
  }
}

function refused(file: string, line: number | undefined, message: string): RunFileError {
  return new RunFileError(file, [{ ...(line === undefined ? {} : { line }), message }]);
}

import { isCollection, isScalar, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml';
import { YamlTextError } from '../errors.ts';

/** Far more than any suite of questions or list of safeguards. */
const longestText = 16 * 2 ** 20;

/** Each alias costs a walk over those before it: suites alias one judge prompt from every question, some hundred times. */
const mostAliases = 10_000;

/** YAML as plain values, and the lines that they stand on. */
export interface YamlText {
  readonly value: unknown;
  /** Line of the value at a path of keys and indices, counted from 1; undefined when there is none. */
  lineOf(path: readonly (string | number)[]): number | undefined;
}

/**
 * Reads YAML (and so JSON) with anchors, aliases and merge keys, in time that grows with its length: what would take more is
 * refused. A byte order mark is dropped.
 *
 * @throws {YamlTextError} for text that is not YAML, is longer than 16 MiB, nested too deeply, has more than 10,000 aliases or
 *   aliases of aliases without bound, a key twice in one mapping, or the key `__proto__`.
 */
export function parseYaml(text: string): YamlText {
  if (text.length > longestText) {
    throw new YamlTextError(undefined, `it is longer than ${longestText} characters`);
  }
  const lines = new LineCounter();
  const lineAt = (node: unknown): number | undefined => {
    const range = (node as Node | null | undefined)?.range;
    return range == null ? undefined : lines.linePos(range[0]).line;
  };
  // The library compares each key with all before it to find one that is there twice; `checkNodes` does by a set.
  const document = parseDocument(text.replace(/^\ufeff/, ''), {
    merge: true,
    lineCounter: lines,
    uniqueKeys: false,
  });
  const problem = document.errors[0];
  if (problem !== undefined) {
    // The library repeats the source below the first line of its message; the line says it already.
    const reason = problem.message.split('\n')[0]?.replace(/:$/, '') ?? '';
    throw new YamlTextError(problem.linePos?.[0].line, reason, { cause: problem });
  }
  checkNodes(document, lineAt);
  try {
    const value: unknown = document.toJS({ maxAliasCount: mostAliases });
    return { value, lineOf: (path) => lineAt(document.getIn(path, true)) };
  } catch (cause) {
    throw new YamlTextError(undefined, (cause as Error).message, { cause });
  }
}

function checkNodes(
  document: ReturnType<typeof parseDocument>,
  lineAt: (node: unknown) => number | undefined,
): void {
  let aliases = 0;
  visit(document, {
    Alias(_key, node) {
      aliases += 1;
      if (aliases <= mostAliases) return;
      throw new YamlTextError(lineAt(node), `it has more than ${mostAliases} aliases`);
    },
    Map(_key, { items }) {
      const keys = new Set<unknown>();
      for (const { key } of items as Pair[]) {
        const name = isScalar(key) ? key.value : undefined;
        const refuse = (reason: string): never => {
          throw new YamlTextError(lineAt(key), `key "${String(name).slice(0, 60)}" ${reason}`);
        };
        if (name === '__proto__') refuse('cannot be the name of anything');
        if (name !== undefined && name !== '<<' && keys.has(name)) refuse('stands twice in one mapping');
        keys.add(name);
      }
    },
    Pair(_key, { key }) {
      if (isCollection(key)) throw new YamlTextError(lineAt(key), 'a mapping or list cannot be a key');
    },
  });
}

import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { isAbsolute, join, relative, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { FileWriteError } from '@safetune/tensor';
import { Document, isMap, isNode, isSeq, type Node, visit } from 'yaml';
import type { MemoryMode } from '../memory/memory-mode.ts';
import { RunFileError } from './errors.ts';
import type { OpenedRun } from './open-run.ts';
import { readRunDocument } from './run-document.ts';
import { withPaths } from './run-paths.ts';
import type { RunRecord } from './run-record.ts';
import { type Run, runSchema } from './run-schema.ts';

/** The name of the file beside an adapter that says how it was made. */
export const runFileName = 'run.yaml';

/** Where editors find the JSON Schema of run files. */
export const runSchemaAddress = 'https://unpkg.com/safetune/run.schema.json';

/**
 * Writes a run as it was resolved into its folder: the user's file with its comments, over it what was given besides, then the
 * defaults, so that another version repeats it, and the record. Its paths are relative where the user's were.
 *
 * @throws FileWriteError
 */
export function writeResolvedRun(
  directory: string,
  opened: OpenedRun,
  { memory, record }: { readonly memory: MemoryMode | undefined; readonly record: RunRecord },
): void {
  const { run, input, document } = opened.source;
  const values = { ...rebased(resolved(opened, memory), directory), out: '.' };
  const text = resolvedText(document?.document, values, Object.keys(input), {
    ...record,
    data: Object.fromEntries(
      Object.entries(record.data).map(([path, digest]) => [fromFolder(path, directory), digest]),
    ),
  });
  runSchema.parse({ ...run, ...values });
  const file = join(directory, runFileName);
  const temporary = `${file}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, text, { flag: 'wx' });
    renameSync(temporary, file);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw new FileWriteError(file, cause);
  }
}

/**
 * Makes sure that the folder's own run file, if there is one, was written by a run.
 *
 * @throws RunFileError for a user's file, which would be written over.
 */
export async function requireOwnRunFile(directory: string): Promise<void> {
  const file = join(directory, runFileName);
  if (!existsSync(file)) return;
  const { value } = await readRunDocument(file);
  if (typeof value === 'object' && value !== null && 'record' in value) return;
  throw new RunFileError(file, [
    {
      message:
        "is no record of a run, and would be written over by one: give the file another name, or the run another 'out'",
    },
  ]);
}

/** Every field, as this run has it. */
function resolved(
  { source: { run }, folder: { hub }, adapter }: OpenedRun,
  memory: MemoryMode | undefined,
): Run {
  const { r, lora_alpha } = adapter.config;
  const pinned = hub === undefined ? run.model : run.model.replace(/^([^@:]+)(@[^:]*)?/, `$1@${hub.commit}`);
  return {
    ...run,
    model: /^hf:\/\//.test(run.model) ? run.model : pinned,
    adapter: { ...run.adapter, r, lora_alpha },
    ...(memory === undefined ? {} : { memory }),
  };
}

function rebased(run: Run, directory: string): Readonly<Record<string, unknown>> {
  return withPaths(run, (path) => fromFolder(path, directory));
}

function fromFolder(path: string, directory: string): string {
  return isAbsolute(path) ? path : relative(resolve(directory), resolve(path)) || '.';
}

function resolvedText(
  written: Document | undefined,
  values: Readonly<Record<string, unknown>>,
  own: readonly string[],
  record: RunRecord,
): string {
  const document = written?.clone() ?? new Document({});
  if (!isMap(document.contents)) document.contents = document.createNode({});
  withoutAliases(document);
  document.delete('record');
  const { record: _, ...fields } = values;
  // The user's first, in their order; then the rest.
  const [first, ...others] = Object.keys(fields).filter((name) => !document.has(name) && !own.includes(name));
  const given = own.filter((name) => name in fields);
  for (const name of [...given, ...(first === undefined ? [] : [first, ...others])]) {
    place(document, [name], fields[name]);
  }
  if (first !== undefined)
    comment(document, first, ' What follows was not given; it is what this version took.');
  document.set(document.createNode('record'), document.createNode(record));
  comment(
    document,
    'record',
    ' What the run was made of (SHA-256). It is checked when this file is run again.',
  );
  const text = document.toString({ lineWidth: 0 });
  return text.includes('yaml-language-server:')
    ? text
    : `# yaml-language-server: $schema=${runSchemaAddress}\n${text}`;
}

/** A value set at one place must not change at another. */
function withoutAliases(document: Document): void {
  visit(document, {
    Alias: (_key, node) => {
      const copy = node.resolve(document)?.clone();
      return isNode(copy) ? copy : undefined;
    },
  });
  visit(document, {
    Value: (_key, node) => {
      if ('anchor' in node) delete node.anchor;
    },
  });
}

/** Sets a value with as little change to what stands there as can be, so that its comments stay. */
function place(document: Document, path: readonly (string | number)[], value: unknown): void {
  const there = document.getIn(path, true);
  if (value === undefined) {
    document.deleteIn(path);
    return;
  }
  if (isNode(there) && isDeepStrictEqual(there.toJS(document), value)) return;
  if (isMap(there) && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    for (const key of Object.keys(there.toJS(document) as object)) {
      if (!(key in value)) document.deleteIn([...path, key]);
    }
    for (const [key, inner] of Object.entries(value)) place(document, [...path, key], inner);
  } else if (isSeq(there) && Array.isArray(value) && there.items.length === value.length) {
    for (const [index, inner] of value.entries()) place(document, [...path, index], inner);
  } else {
    const node = document.createNode(value, { flow: false });
    if (isNode(there)) copyComments(there, node);
    document.setIn(path, node);
  }
}

function copyComments(from: Node, to: Node): void {
  for (const place of ['commentBefore', 'comment'] as const) {
    if (from[place] != null) to[place] = from[place];
  }
}

function comment(document: Document, key: string, text: string): void {
  if (!isMap(document.contents)) return;
  const pair = document.contents.items.find((item) => String(item.key) === key);
  const node = isNode(pair?.key) ? pair.key : document.createNode(key);
  if (pair === undefined) return;
  node.commentBefore = text;
  node.spaceBefore = true;
  pair.key = node;
}

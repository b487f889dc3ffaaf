import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import {
  describeRegularizer,
  RegularizerModuleError,
  RegularizerOptionError,
  regularizerFromConfig,
} from '@safetune/regularizers';
import { RunFileError, type RunProblem } from './errors.ts';
import { snakeCase } from './file-form.ts';
import { type PlacedProblem, problemsOf } from './problems.ts';
import { loadModule, regularizerConfigOf } from './regularizer-configs.ts';
import { type RunDocument, readRunDocument } from './run-document.ts';
import { withPaths } from './run-paths.ts';
import { type Run, type RunInput, runSchema } from './run-schema.ts';

/** A value that goes over the one of the file. */
export interface GivenValue {
  /** The names of the field, from the outermost: `['adapter', 'r']`. */
  readonly path: readonly string[];
  readonly value: unknown;
  /** What it is called where it comes from, for messages: `--rank`. */
  readonly name: string;
}

export interface ReadRunOptions {
  /** A YAML or JSON file. Its relative paths are of its folder. */
  readonly file?: string;
  /** Values that go over those of the file, or stand alone; their relative paths are of the working directory. */
  readonly given?: readonly GivenValue[];
}

/** A run and where it came from. */
export interface RunSource {
  /** Checked, with every default; paths as they can be opened from the working directory. */
  readonly run: Run;
  /** The same without the defaults. */
  readonly input: RunInput;
  readonly document: RunDocument | undefined;
  /** What went over the file. */
  readonly given: readonly GivenValue[];
}

/**
 * Reads what a run shall be.
 *
 * @throws RunFileError with every problem, each with its line: unknown names (and which may be meant), values out of range,
 *   missing ones.
 *
 * @example
 * const { run } = await readRun({ file: 'run.yaml', given: [{ path: ['seed'], value: 1, name: 'seed' }] });
 */
export async function readRun({ file, given = [] }: ReadRunOptions): Promise<RunSource> {
  const document = file === undefined ? undefined : await readRunDocument(file);
  const written = document?.value ?? {};
  if (typeof written !== 'object' || Array.isArray(written)) {
    throw new RunFileError(file, [{ message: "must be a mapping of options, such as 'model: ./model'" }]);
  }
  const openable = (path: string) =>
    isAbsolute(path) ? path : join(relative('.', dirname(resolve(file ?? '.'))), path);
  const refuse = (problems: readonly PlacedProblem[]) =>
    new RunFileError(
      file,
      problems
        .map((problem) => placed(problem, document, given))
        .toSorted((one, other) => (one.line ?? 0) - (other.line ?? 0)),
    );
  const isGiven = (...names: string[]) =>
    given.some(({ path }) => names.every((name, index) => path[index] === name));
  // Which options of a module are paths, it says itself.
  const safeguards = given.find(({ path }) => path[0] === 'regularizers');
  if (safeguards === undefined) await loadModules((written as RunInput).regularizers, openable, refuse);
  else await loadModules(safeguards.value, (path) => path, refuse);
  const values: Record<string, unknown> = {
    ...withPaths(written as Record<string, unknown>, openable, openable),
  };
  // One takes the place of the other.
  if (isGiven('steps')) delete values.epochs;
  if (isGiven('epochs')) delete values.steps;
  if (isGiven('evaluation', 'data')) values.evaluation = without(values.evaluation, 'share');
  if (isGiven('evaluation', 'share')) values.evaluation = without(values.evaluation, 'data');
  for (const { path, value } of given) set(values, path, value);
  const parsed = runSchema.safeParse(values);
  if (!parsed.success) throw refuse(problemsOf(parsed.error.issues, values));
  requireRegularizers(parsed.data, refuse);
  const asWritten = isGiven('model') ? values.model : (written as { model?: unknown }).model;
  const run = {
    ...parsed.data,
    adapter: { base_model_name_or_path: String(asWritten), ...parsed.data.adapter },
  };
  return { run, input: values as RunInput, document, given };
}

function without(mapping: unknown, name: string): unknown {
  if (typeof mapping !== 'object' || mapping === null || Array.isArray(mapping)) return mapping;
  return Object.fromEntries(Object.entries(mapping).filter(([key]) => key !== name));
}

function set(values: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path;
  if (rest.length === 0) {
    values[name] = value;
    return;
  }
  const inner = values[name];
  const copy = typeof inner === 'object' && inner !== null ? { ...inner } : {};
  set(copy as Record<string, unknown>, rest, value);
  values[name] = copy;
}

/** The code of safeguards that are modules. What is no list of configs is left for the schema to refuse. */
async function loadModules(
  configs: unknown,
  openable: (path: string) => string,
  refuse: (problems: readonly PlacedProblem[]) => RunFileError,
): Promise<void> {
  for (const [index, config] of Array.isArray(configs) ? configs.entries() : []) {
    try {
      await loadModule(config, openable);
    } catch (error) {
      if (!RegularizerModuleError.isInstance(error)) throw error;
      throw refuse([{ path: ['regularizers', index], message: error.message }]);
    }
  }
}

/** What their schemas cannot say, such as a weight below 0. */
function requireRegularizers(
  { regularizers }: Run,
  refuse: (problems: readonly PlacedProblem[]) => RunFileError,
): void {
  for (const [index, config] of regularizers.entries()) {
    try {
      regularizerFromConfig(regularizerConfigOf(config));
    } catch (error) {
      if (!RegularizerOptionError.isInstance(error)) throw error;
      throw refuse([{ path: ['regularizers', index], message: inFileNames(error.message, config.type) }]);
    }
  }
}

/** A message of the library with its options as the file writes them. */
function inFileNames(message: string, type: string): string {
  const { options = [] } = describeRegularizer(type) ?? {};
  return options.reduce((text, name) => text.replaceAll(name, snakeCase(name)), message);
}

function placed(
  { path, key, message }: PlacedProblem,
  document: RunDocument | undefined,
  given: readonly GivenValue[],
): RunProblem {
  const source = given.find((value) => value.path.every((name, index) => path[index] === name));
  const within = path
    .slice(source?.path.length ?? 0)
    .map(String)
    .join('.');
  const name = source === undefined ? within : `${source.name} ${within}`.trimEnd();
  const text = name === '' ? message : key === undefined ? `${name} ${message}` : `${name}: ${message}`;
  const line = source === undefined ? document?.lineOf(path, key) : undefined;
  return line === undefined ? { message: text } : { line, message: text };
}

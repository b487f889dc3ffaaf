import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { isModulePath, loadRegularizerModules, RegularizerModuleError } from '@safetune/regularizers';
import {
  jsonSchemaOf,
  type PlacedProblem,
  problemsOf,
  type RunDocument,
  RunFileError,
  readRunDocument,
  withPaths,
} from '@safetune/trainer';
import { PolicyFileError } from '../errors.ts';
import { damagedModels } from './damaged-models.ts';
import { fieldProblems } from './field-problems.ts';
import { type Policy, type PolicyFields, policySchema } from './policy-schema.ts';
import { noFiles, readSafeguardFiles } from './safeguard-files.ts';
import { safeguardProblems } from './safeguard-problems.ts';

export interface ReadPolicyOptions {
  /**
   * How base models are looked at. 'there': whether their folders are. 'opened': also their config, the headers of their weights, tokenizer
   * and template, which takes seconds; of those on the hub nothing is fetched for it. 'unseen': for workers that are started again while a
   * service runs, as one model that is away or damaged must not keep them from the jobs of others; nor are files of safeguards looked for
   * then. Default 'there'.
   */
  readonly models?: 'there' | 'opened' | 'unseen';
}

/**
 * Reads the provider's policy: checks every field, makes every safeguard once, and looks for every file that it names.
 *
 * @returns with every default, and paths absolute: those of the file are of its folder
 * @throws PolicyFileError with every problem that is found, each with its line.
 */
export async function readPolicy(
  file: string,
  { models = 'there' }: ReadPolicyOptions = {},
): Promise<Policy> {
  const document = await read(file);
  const refuse = (problems: readonly PlacedProblem[]) =>
    new PolicyFileError(
      file,
      problems
        .map((problem) => placed(problem, document))
        .toSorted((one, other) => one.line - other.line)
        .map(({ text }) => text),
    );
  const parsed = policySchema.safeParse(document.value);
  if (!parsed.success)
    throw refuse(problemsOf(parsed.error.issues, document.value, jsonSchemaOf(policySchema)));
  const folder = dirname(resolve(file));
  const openable = (path: string) => (isAbsolute(path) ? path : join(folder, path));
  const modules = await loadModules(parsed.data, openable);
  if (modules.length > 0) throw refuse(modules);
  const fields = absolute(parsed.data, openable);
  const problems = [
    ...fieldProblems(fields, { seesModels: models !== 'unseen' }),
    ...safeguardProblems(fields.safeguards),
  ];
  if (problems.length > 0) throw refuse(problems);
  // A worker that is started again plans no job, and a file that is away must not keep it from jobs without that file.
  const files = models === 'unseen' ? noFiles : await readSafeguardFiles(fields.safeguards);
  if (files.problems.length > 0) throw refuse(files.problems);
  const policy = {
    ...fields,
    poolMethods: files.poolMethods,
    sha256: createHash('sha256')
      .update(await readFile(file))
      .digest('hex'),
  };
  const damages = models === 'opened' ? await damagedModels(policy) : [];
  if (damages.length > 0) throw refuse(damages);
  return policy;
}

async function read(file: string): Promise<RunDocument> {
  try {
    const document = await readRunDocument(file);
    if (typeof document.value !== 'object' || document.value === null || Array.isArray(document.value))
      throw new RunFileError(file, [{ message: "must be a mapping of options, such as 'models:'" }]);
    return document;
  } catch (error) {
    if (!RunFileError.isInstance(error)) throw error;
    throw new PolicyFileError(
      file,
      error.problems.map(({ line, message }) => (line === undefined ? message : `line ${line}: ${message}`)),
      { cause: error },
    );
  }
}

/** The code of safeguards that are modules, which says their options, too. */
async function loadModules(
  { safeguards: { mandatory, optional } }: PolicyFields,
  openable: (path: string) => string,
): Promise<PlacedProblem[]> {
  const problems: PlacedProblem[] = [];
  const load = async (path: readonly PropertyKey[], type: string) => {
    if (!isModulePath(type)) return;
    try {
      await loadRegularizerModules([{ type: openable(type) }]);
    } catch (error) {
      if (!RegularizerModuleError.isInstance(error)) throw error;
      problems.push({ path, message: `: ${error.message}` });
    }
  };
  for (const [index, { type }] of mandatory.entries())
    await load(['safeguards', 'mandatory', index, 'type'], type);
  for (const [index, { safeguard }] of optional.entries())
    await load(['safeguards', 'optional', index, 'safeguard', 'type'], safeguard.type);
  return problems;
}

/** The policy with paths that can be opened from anywhere. A name on the hub stays one. */
function absolute(policy: PolicyFields, openable: (path: string) => string): PolicyFields {
  const ofRun = (run: Readonly<Record<string, unknown>>) => withPaths(run, openable, openable);
  const safeguard = <Config>(config: Config) =>
    (ofRun({ regularizers: [config] }).regularizers as Config[])[0]!;
  const { models, safeguards, screening, gate } = policy;
  const { persona } = screening;
  const { log_odds: odds, questions } = gate;
  return {
    ...policy,
    models: Object.fromEntries(
      Object.entries(models).map(([id, model]) => [
        id,
        { ...model, path: ofRun({ model: model.path }).model as string },
      ]),
    ),
    safeguards: {
      mandatory: safeguards.mandatory.map(safeguard),
      optional: safeguards.optional.map((one) => ({ ...one, safeguard: safeguard(one.safeguard) })),
    },
    screening: {
      ...screening,
      ...(persona && { persona: { ...persona, vectors: openable(persona.vectors) } }),
    },
    gate: {
      ...gate,
      ...(odds && odds.pairs !== undefined && { log_odds: { ...odds, pairs: openable(odds.pairs) } }),
      ...(questions && {
        questions: {
          ...questions,
          suite: questions.suite === 'builtin' ? questions.suite : openable(questions.suite),
        },
      }),
    },
  };
}

/** What is wrong, with its place; what is nowhere in the file has line 0. */
function placed(
  { path, key, message }: PlacedProblem,
  document: RunDocument,
): { readonly line: number; readonly text: string } {
  const name = path.map(String).join('.');
  const glue = message.startsWith(':') ? '' : key === undefined ? ' ' : ': ';
  const text = name === '' ? message : `${name}${glue}${message}`;
  const line = document.lineOf(path, key);
  return { line: line ?? 0, text: line === undefined ? text : `line ${line}: ${text}` };
}

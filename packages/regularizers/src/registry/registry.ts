import { resolve } from 'node:path';
import { RegularizerOptionError } from '../errors.ts';
import type { OptionSchema, RegularizerKind } from '../interface/kind.ts';
import { ownKinds } from './own-kinds.ts';

/** A kind, and what it was loaded from. */
export interface RegisteredKind extends Omit<RegularizerKind<never>, 'schema'> {
  readonly schema?: OptionSchema<object>;
  /** What the code of its module is, by a name that tells the file. */
  readonly contents?: Readonly<Record<string, string>>;
}

/** Of others, by type: a name, or the absolute path of a module. */
const registered = new Map<string, RegisteredKind>();

/** Whether a type is the path of a module, which holds a regularizer, and not a name: by its ending, `.ts`, `.js`, `.mjs`, ... */
export function isModulePath(type: string): boolean {
  return /\.[cm]?[jt]s$/i.test(type);
}

/**
 * Gives a regularizer of your own a name for configs in this program: `{ type: name, ...options }`. Worker threads and the command line
 * know none of it: there the type is the path of a module, see {@link loadRegularizerModules}.
 *
 * @param kind - how its options are checked and what makes it, or only the function that makes it.
 * @throws RegularizerOptionError for a name that is empty, the path of a module, or another's.
 *
 * @example
 * registerRegularizer('mean-shift', { schema: z.strictObject({ weight: z.number().optional() }), create: meanShift });
 * regularizerFromConfig({ type: 'mean-shift', weight: 0.5 });
 */
export function registerRegularizer<Options extends object>(
  name: string,
  kind: RegularizerKind<Options> | RegularizerKind<Options>['create'],
): void {
  const refuse = (message: string) =>
    new RegularizerOptionError(String(name) || 'registerRegularizer', message);
  if (typeof name !== 'string' || !/^[a-z][\w-]*$/i.test(name))
    throw refuse('the name must be letters, digits and hyphens, such as mean-shift');
  if (Object.hasOwn(ownKinds, name)) throw refuse("the name is one of SafeTune's own");
  const made = typeof kind === 'function' ? { create: kind } : kind;
  if (typeof made?.create !== 'function')
    throw refuse('needs create, a function that makes it from its options');
  const known = registered.get(name);
  if (known !== undefined && known.create !== made.create)
    throw refuse('another regularizer is registered under this name');
  registered.set(name, made as RegularizerKind<never>);
}

/** {@link registerRegularizer} for a module, by the absolute path of its file. */
export function registerModule(file: string, kind: RegisteredKind): void {
  registered.set(file, kind);
}

/** What a config's type names. */
export function kindOf(type: string): RegisteredKind | undefined {
  if (Object.hasOwn(ownKinds, type)) return ownKinds[type];
  return registered.get(isModulePath(type) ? resolve(type) : type);
}

/** A regularizer that a config can name, for whoever lists them. */
export interface RegularizerDescription {
  readonly type: string;
  readonly summary: string;
  /** The option that the number of a short form such as `kl=0.1` gives. */
  readonly strength: string;
  /** Names of its options; empty where it has no schema. */
  readonly options: readonly string[];
  /** Those of its options whose texts are paths of files or folders; `reference.adapter` is an option in another. */
  readonly paths: readonly string[];
  /** Whether it has an option that no short form gives and that it cannot do without. */
  readonly needsFile: boolean;
}

/** Every regularizer that a config can name, with the names of its options: SafeTune's own, then those that were registered or loaded. */
export function listRegularizers(): RegularizerDescription[] {
  return [...Object.entries(ownKinds), ...registered].map(([type, kind]) => description(type, kind));
}

/** The one of {@link listRegularizers} that a config's type names. */
export function describeRegularizer(type: string): RegularizerDescription | undefined {
  const kind = kindOf(type);
  return kind && description(type, kind);
}

function description(type: string, kind: RegisteredKind): RegularizerDescription {
  const { summary = '', strength = 'weight', paths = [], needsFile = false, schema } = kind;
  return { type, summary, strength, paths, needsFile, options: Object.keys(schema?.shape ?? {}) };
}

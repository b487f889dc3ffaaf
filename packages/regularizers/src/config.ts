import { basename } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { nearestName } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from './errors.ts';
import { checkRegularizer } from './interface/check-regularizer.ts';
import { withChangedPaths } from './interface/config-paths.ts';
import { named, withFields } from './interface/named.ts';
import { checkOptions } from './interface/options.ts';
import type { Regularizer, RegularizerConfig } from './interface/regularizer.ts';
import { optionProblems } from './option-problems.ts';
import { ownKinds } from './registry/own-kinds.ts';
import {
  describeRegularizer,
  isModulePath,
  kindOf,
  listRegularizers,
  type RegisteredKind,
} from './registry/registry.ts';

const ownConfigSchema = z.discriminatedUnion(
  'type',
  Object.entries(ownKinds).map(([type, { schema, summary }]) =>
    z.strictObject({ type: z.literal(type), name: z.string().optional(), ...schema.shape }).describe(summary),
  ) as unknown as [z.ZodObject],
);

const isOfOthers = (type: string) =>
  !Object.hasOwn(ownKinds, type) && (isModulePath(type) || kindOf(type) !== undefined);

/** Of others' only the form is known here; making it checks the options. */
const foreignConfigSchema = z
  .looseObject({
    type: z
      .string()
      .refine(isOfOthers, { abort: true })
      .meta({ pattern: '\\.[cm]?[jt]s$', description: 'the path of a module' }),
    name: z.string().optional(),
  })
  .describe('a safeguard of your own, from a module whose default export makes it of these options');

/** The form of a config that {@link regularizerFromConfig} takes: one for each type, for whoever checks a file that holds some. */
export const regularizerConfigSchema = z.union([
  ownConfigSchema,
  foreignConfigSchema,
]) as unknown as z.ZodType<RegularizerConfig, RegularizerConfig>;

/**
 * The regularizer a plain object describes: `{ type: 'kl', weight: 0.1 }`. Any may also have a `name`, under which its
 * value is logged: two of one type in a run need two names.
 *
 * @throws RegularizerOptionError for an unknown type, a module that is not loaded, an empty name, or options that do not fit.
 *
 * @example
 * regularizerFromConfig({ type: 'kl', name: 'kl-of-safe-examples', weight: 1, onlyTagged: 'interleaved' });
 */
export function regularizerFromConfig({ type, name, ...options }: RegularizerConfig): Regularizer {
  const kind = kindOf(type);
  if (kind === undefined) throw unknownType(String(type));
  const made = kind.create(checkedOptions(type, kind, options) as never);
  const described = Object.hasOwn(ownKinds, type) ? made : ofOthers(made, { type, ...options }, kind);
  return name === undefined ? described : named(name, described);
}

function unknownType(type: string): RegularizerOptionError {
  if (isModulePath(type))
    return new RegularizerOptionError(
      type,
      'the module is not loaded: await loadRegularizerModules([config])',
    );
  const types = listRegularizers().map((kind) => kind.type);
  const nearest = nearestName(type, types);
  const hint = nearest === undefined ? '' : `. Did you mean '${nearest}'?`;
  return new RegularizerOptionError(
    type,
    `there is no such regularizer; there are ${types.join(', ')}, or give the path of a module, ./mine.ts${hint}`,
  );
}

function checkedOptions(type: string, { schema }: RegisteredKind, options: object): object {
  if (schema === undefined) return options;
  checkOptions(type, options, Object.keys(schema.shape));
  const parsed = schema.safeParse(options);
  if (parsed.success) return parsed.data;
  throw new RegularizerOptionError(type, optionProblems(parsed.error.issues as readonly z.core.$ZodIssue[]));
}

/** What others' code made: checked, under the config that makes it again, and with the digest of its module. */
function ofOthers(
  made: Regularizer,
  config: RegularizerConfig,
  { contents, ...kind }: RegisteredKind,
): Regularizer {
  if ((made as unknown) instanceof Promise) {
    throw new RegularizerOptionError(
      config.type,
      'what makes it gives a promise, must give the regularizer: open in beforeTraining what it needs',
    );
  }
  checkRegularizer(made);
  if (config.weight !== undefined && (kind.strength ?? 'weight') === 'weight') requireWeight(made, config);
  return withFields(made, {
    config: { ...made.config, ...config },
    ...(contents === undefined
      ? {}
      : { contents: async (context) => ({ ...(await made.contents?.(context)), ...contents }) }),
  });
}

function requireWeight({ weight }: Regularizer, config: RegularizerConfig): void {
  if (isDeepStrictEqual(weight, config.weight)) return;
  throw new RegularizerOptionError(
    config.type,
    `was given the weight ${JSON.stringify(config.weight)}, but its weight is ${JSON.stringify(weight)}: take the option over as its weight`,
  );
}

/**
 * A config without the folders that its files lie in, which differ from where it is read: for comparing two runs. What is in the files,
 * {@link Regularizer.contents} tells.
 */
export function withoutFolders(config: RegularizerConfig): RegularizerConfig {
  const paths = describeRegularizer(config.type)?.paths ?? [];
  return withChangedPaths(config, isModulePath(config.type) ? ['type', ...paths] : paths, basename);
}

/**
 * The config a short form such as `kl` (its defaults), `kl=0.1` or `./mine.ts=0.1` stands for; the number is the weight, or what is like
 * it: the share of `interleaving` and `inoculation`, the alpha of `persona-vector`, the threshold of `safe-lora`. A module's is known
 * once it is loaded.
 *
 * @throws RegularizerOptionError when what follows `=` is not a number.
 */
export function parseRegularizer(text: string): RegularizerConfig {
  const end = isModulePath(text) ? -1 : text.lastIndexOf('=');
  if (end === -1) return { type: text };
  const [type, value] = [text.slice(0, end), text.slice(end + 1)];
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) {
    throw new RegularizerOptionError(
      type,
      `'${text}' does not end in a number; write for example ${type}=0.1`,
    );
  }
  return { type, [describeRegularizer(type)?.strength ?? 'weight']: number };
}

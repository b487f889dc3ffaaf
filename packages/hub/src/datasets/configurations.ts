import picomatch from 'picomatch';
import { parse } from 'yaml';
import { z } from 'zod';
import { dataFiles } from './data-files.ts';
import { type Splits, splitsByName } from './splits.ts';

const patterns = z.union([z.string(), z.array(z.string())]);
const configurationSchema = z.looseObject({
  config_name: z.string(),
  default: z.boolean().optional(),
  data_dir: z.string().optional(),
  data_files: z
    .union([
      patterns,
      z.array(z.looseObject({ split: z.string(), path: patterns })),
      z.record(z.string(), patterns),
    ])
    .optional(),
});
const cardSchema = z.looseObject({ configs: z.array(configurationSchema).optional() });

type ConfigurationEntry = z.infer<typeof configurationSchema>;

/** One of the forms in which a repository offers its data, such as a language, with its splits. */
export interface Configuration {
  readonly name: string;
  readonly isDefault: boolean;
  readonly splits: Splits;
}

/**
 * The configurations of a data set: those that the front matter of its README.md lists under `configs`, else one, named
 * `default`, by the names of its files.
 *
 * @param readme - undefined when there is none
 * @throws ZodError, YAMLParseError for front matter that is not what it should be.
 */
export function configurationsOf(paths: readonly string[], readme: string | undefined): Configuration[] {
  const [, front] = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme ?? '') ?? [];
  const { configs = [] } = front === undefined ? {} : cardSchema.parse(parse(front) ?? {});
  if (configs.length === 0) {
    return [{ name: 'default', isDefault: true, splits: splitsByName(dataFiles(paths)) }];
  }
  return configs.map((entry) => ({
    name: entry.config_name,
    isDefault: entry.default === true || entry.config_name === 'default' || configs.length === 1,
    splits: splitsOf(entry, paths),
  }));
}

function splitsOf(
  { data_files: files, data_dir: folder }: ConfigurationEntry,
  paths: readonly string[],
): Splits {
  const within = folder === undefined ? '' : `${folder.replace(/^\.\//, '').replace(/\/$/, '')}/`;
  if (files === undefined) return splitsByName(dataFiles(paths.filter((path) => path.startsWith(within))));
  const match = (pattern: string | readonly string[]) => matching(pattern, within, paths);
  if (typeof files === 'string' || isTexts(files)) return new Map([['train', match(files)]]);
  const entries = Array.isArray(files)
    ? files.map(({ split, path }) => [split, path] as const)
    : Object.entries(files);
  return new Map(entries.map(([split, pattern]) => [split, match(pattern)]));
}

function isTexts(files: readonly unknown[] | object): files is string[] {
  return Array.isArray(files) && files.every((file) => typeof file === 'string');
}

/** Paths that one of the patterns fits, in the order of the patterns. */
export function matching(
  pattern: string | readonly string[],
  within: string,
  paths: readonly string[],
): string[] {
  const found = [pattern].flat().flatMap((each) => {
    const fits = picomatch(`${within}${each.replace(/^\.\//, '')}`);
    return paths.filter((path) => fits(path)).sort();
  });
  return [...new Set(found)];
}

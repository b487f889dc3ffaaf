import { readdir, readFile } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { HubError } from '../errors.ts';
import { describeRepository, type HubName } from '../hub-name.ts';
import type { RepositoryContent } from '../repository-content.ts';
import { configurationsOf, matching } from './configurations.ts';
import { isDataFile } from './data-files.ts';

const readmeFile = 'README.md';

/** The data files of a repository that are wanted: what {@link datasetContent} has found. */
export interface DatasetContent extends RepositoryContent {
  /** Of the commit that was last looked at. */
  readonly chosen: readonly string[];
}

/**
 * Data files of a data set: those of a split, by default `train`, or those that are named.
 *
 * A name's file is a file or a pattern (`owner/name:data/*.parquet`), else `split` or `configuration/split`.
 */
export function datasetContent(): DatasetContent {
  let chosen: readonly string[] = [];
  return {
    get chosen() {
      return chosen;
    },
    type: 'dataset',
    noun: 'data set',
    signs: undefined,
    async stateOf({ folder, has, list }, name) {
      const listed = await list();
      // Python fetched it, and did not write down what else there is.
      const paths = listed ?? (await pathsIn(folder));
      if (listed?.includes(readmeFile) && !(await has(readmeFile))) return 'none';
      try {
        chosen = choose(paths, await readText(join(folder, readmeFile)), name);
      } catch (error) {
        if (HubError.isInstance(error)) return 'none';
        throw error;
      }
      for (const path of chosen) if (!(await has(path))) return 'none';
      return listed === undefined ? 'usable' : 'whole';
    },
    async fetch(snapshot, name) {
      await snapshot.download([], [readmeFile]);
      chosen = choose([...snapshot.files.keys()], await readText(join(snapshot.folder, readmeFile)), name);
      await snapshot.download(chosen);
    },
    describe: ({ file }) =>
      file !== undefined && isPath(file)
        ? { words: file, include: ` --include "${file}"` }
        : { words: `the data files of ${file ?? 'its split train'}`, include: '' },
  };
}

/** Whether what stands behind the colon names files, not a split. */
function isPath(file: string): boolean {
  return isDataFile(file) || file.includes('*');
}

/** @throws HubError (`file`) where there is no such file, split or configuration; it tells which there are. */
function choose(paths: readonly string[], readme: string | undefined, name: HubName): string[] {
  const fail = (message: string) => new HubError('file', describeRepository(name), message);
  if (name.file !== undefined && isPath(name.file)) {
    const found = matching(name.file, '', paths);
    if (found.length > 0) return found;
    const others = paths.filter(isDataFile).slice(0, 20);
    throw fail(`has no file '${name.file}'; it has ${others.join(', ') || 'no data file'}`);
  }
  const configurations = configurationsIn(paths, readme, fail);
  const [split = 'train', wanted] = (name.file ?? 'train').split('/').toReversed();
  const names = configurations.map((each) => each.name).join(', ');
  const configuration = configurations.find((each) =>
    wanted === undefined ? each.isDefault : each.name === wanted,
  );
  if (configuration === undefined) {
    throw fail(
      wanted === undefined
        ? `has several configurations: ${names}. Name one, and its split: ${name.name}:${configurations[0]!.name}/${split}`
        : `has no configuration '${wanted}'; it has ${names}`,
    );
  }
  const { splits } = configuration;
  const files = splits.get(split) ?? [];
  if (files.length > 0) return [...files];
  if ([...splits.values()].every((each) => each.length === 0))
    throw fail(`has no data files${advice(paths, name)}`);
  throw fail(
    `has no split '${split}'; it has ${[...splits.keys()].join(', ')}. Name one: ${name.name}:${[...splits.keys()][0]}`,
  );
}

function configurationsIn(
  paths: readonly string[],
  readme: string | undefined,
  fail: (message: string) => HubError,
) {
  try {
    return configurationsOf(paths, readme);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw fail(`the front matter of its ${readmeFile} is not what it should be (${reason.slice(0, 200)})`);
  }
}

function advice(paths: readonly string[], { name }: HubName): string {
  const script = paths.find((path) => path === `${name.slice(name.lastIndexOf('/') + 1)}.py`);
  if (script === undefined) return ' (JSON Lines, JSON, CSV, Parquet or text)';
  return `: ${script} makes them, and no code of a data set is run. The hub may have them as Parquet: ${name}@refs/convert/parquet`;
}

async function pathsIn(folder: string): Promise<string[]> {
  const found = await readdir(folder, { recursive: true }).catch(() => []);
  return found.map((path) => path.split(sep).join('/'));
}

async function readText(file: string): Promise<string | undefined> {
  return readFile(file, 'utf8').catch(() => undefined);
}

import { glob, readdir, stat } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { DatasetFileError } from '../errors.ts';
import { formatEnding } from '../formats/compression.ts';
import { dataEndings } from '../formats/formats.ts';
import { printable } from '../printable.ts';

/**
 * Turns a name that is no local path into local files, such as those of a data set on the hub; undefined for a name that it does
 * not know.
 */
export type DatasetResolver = (name: string) => Promise<readonly string[] | undefined>;

/**
 * The files that a path means, in the order of their names: a file, the data files in a folder and its folders, or what matches a
 * glob (`data/*.jsonl`).
 *
 * @throws {@link DatasetFileError} when there are none, or when a folder holds several splits.
 */
export async function locate(path: string, resolve?: DatasetResolver): Promise<readonly string[]> {
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => cause);
  if (!(info instanceof Error)) return info.isDirectory() ? filesInFolder(path) : [path];
  // Before globs: a name may end in a pattern of its own.
  const resolved = info.code === 'ENOENT' ? await resolve?.(path) : undefined;
  if (resolved !== undefined && resolved.length > 0) return resolved;
  if (info.code === 'ENOENT' && /[*?[{]/.test(path)) return filesOfGlob(path);
  throw new DatasetFileError(path, missing(path, info), { cause: info });
}

async function filesOfGlob(pattern: string): Promise<readonly string[]> {
  const found: string[] = [];
  for await (const path of glob(pattern)) if ((await stat(path)).isFile()) found.push(path);
  if (found.length > 0) return found.toSorted();
  throw new DatasetFileError(pattern, 'no file matches this pattern. Check it, and put it between quotes.');
}

/** Files beside the data: about it, or of a library that keeps it. */
const besideData = /^(readme|licen[cs]e|dataset_infos?|dataset_dict|state|metadata)\./i;

async function filesInFolder(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(folder, path)
          .split(/[\\/]/)
          .some((part) => part.startsWith('.')),
    )
    .toSorted();
  const data = files.filter(
    (path) => dataEndings.includes(formatEnding(basename(path))) && !besideData.test(basename(path)),
  );
  if (data.length === 0) {
    const others =
      files.length === 0
        ? 'it is empty'
        : `only ${printable(
            files
              .slice(0, 3)
              .map((file) => relative(folder, file))
              .join(', '),
            200,
          )}`;
    throw new DatasetFileError(
      folder,
      `the folder holds no data file (.${dataEndings.join(', .')}), ${others}.`,
    );
  }
  const splits = new Set(data.flatMap((path) => splitOf(relative(folder, path)) ?? []));
  if (splits.size > 1) {
    const [first = ''] = splits;
    throw new DatasetFileError(
      folder,
      `the folder holds several splits (${[...splits].join(', ')}), which are not trained together. ` +
        `Name the files, such as '${join(folder, '**', `*${first}*`)}'.`,
    );
  }
  return data;
}

/** The split that a file's path names, as on the hub: `data/train-00000-of-00002.parquet`. */
function splitOf(path: string): string | undefined {
  return /(?:^|[\\/_.-])(train|test|validation|valid|val|dev|eval)(?=[\\/_.-])/i
    .exec(path)?.[1]
    ?.toLowerCase();
}

function missing(path: string, { code, message }: NodeJS.ErrnoException): string {
  if (code !== 'ENOENT') return `the data file cannot be read (${printable(message, 300)}). Check the path.`;
  const isHubName = /^[\w-]+\/[\w.-]+$/.test(path) && !dataEndings.includes(formatEnding(basename(path)));
  return isHubName
    ? 'there is no such file. A data set on the Hugging Face hub is fetched where `resolve` is given (resolveDataset of ' +
        `@safetune/hub), or by hand (hf download ${path} --repo-type dataset --local-dir FOLDER): give the folder.`
    : 'there is no such file. Check the path.';
}

import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, readlink, realpath, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { FileReadError } from './errors.ts';

/** Options of {@link openRegularFile}. */
export interface OpenFileOptions {
  /**
   * Folder in which the file must really lie, all links resolved: for files of a folder that a stranger may have filled.
   * In a revision's folder of the Hugging Face cache (`models--<name>/snapshots/<revision>`, `datasets--...`) it may also
   * lie in that repository's `blobs`, and in those that the cache's repositories share. Default: anywhere, for a file that
   * the user named.
   */
  readonly folder?: string;
}

/** An opened file; whoever opens it closes the handle. */
export interface OpenedFile {
  readonly handle: FileHandle;
  /** Path with all links resolved. */
  readonly realPath: string;
  readonly byteLength: number;
}

/**
 * Opens a regular file for reading. Pipes, sockets, devices and folders are refused before anything waits for them; so
 * are, where a folder is given, links that lead out of it, unless the environment says `SAFETUNE_FOLLOW_LINKS=1`.
 *
 * @throws FileReadError
 */
export async function openRegularFile(path: string, { folder }: OpenFileOptions = {}): Promise<OpenedFile> {
  const realPath = await attempt(path, () => realpath(path));
  const requireInside = async (place: string) => {
    if (folder !== undefined && !followsLinks() && !(await liesWithin(folder, place))) throw outside(path);
  };
  await requireInside(realPath);
  requireRegular(path, await attempt(path, () => stat(realPath)));
  const handle = await attempt(path, () => open(realPath, withoutSurprises));
  try {
    const found = await handle.stat();
    requireRegular(path, found);
    // What was opened, should a folder on the way have been replaced by a link meanwhile. Linux alone tells.
    await requireInside(await readlink(`/proc/self/fd/${handle.fd}`).catch(() => realPath));
    return { handle, realPath, byteLength: found.size };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** No link in the last place, no waiting for the other end of a pipe; where the system has such flags. */
const withoutSurprises = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

function followsLinks(): boolean {
  return process.env.SAFETUNE_FOLLOW_LINKS === '1';
}

async function liesWithin(folder: string, place: string): Promise<boolean> {
  const root = await realpath(folder);
  return place.startsWith(withSeparator(root)) || isHubBlob(root, place);
}

function withSeparator(folder: string): string {
  return folder.endsWith(sep) ? folder : `${folder}${sep}`;
}

/**
 * Whether a place is where the Hugging Face cache keeps what the links of a revision's folder lead to: `blobs` of the
 * repository, or `blobs/<2 digits>/<64 digits>` of the cache, where Python shares large files among repositories.
 */
function isHubBlob(folder: string, place: string): boolean {
  const snapshots = dirname(folder);
  const repository = dirname(snapshots);
  if (basename(snapshots) !== 'snapshots' || !/^(models|datasets)--/.test(basename(repository))) return false;
  const shared = withSeparator(join(dirname(repository), 'blobs'));
  return (
    place.startsWith(withSeparator(join(repository, 'blobs'))) ||
    (place.startsWith(shared) && /^([0-9a-f]{2})[/\\]\1[0-9a-f]{62}$/.test(place.slice(shared.length)))
  );
}

function outside(path: string): FileReadError {
  return new FileReadError(
    'outside',
    path,
    "is a link to a file outside of its folder, which is not followed: the folder may be a stranger's. " +
      'Copy the file there, or set SAFETUNE_FOLLOW_LINKS=1 when the link is your own',
  );
}

function requireRegular(path: string, found: Stats): void {
  if (found.isFile()) return;
  const kind = found.isDirectory() ? 'a folder' : found.isFIFO() ? 'a pipe' : 'a device or socket';
  throw new FileReadError('not-a-file', path, `is ${kind} where a file is wanted`);
}

async function attempt<Result>(path: string, action: () => Promise<Result>): Promise<Result> {
  try {
    return await action();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') {
      throw new FileReadError('missing', path, 'there is no such file', { cause });
    }
    if (code === 'ELOOP') throw outside(path);
    throw new FileReadError('unreadable', path, `it cannot be opened (${message})`, { cause });
  }
}

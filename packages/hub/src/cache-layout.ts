import { mkdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { temporaryPath, writeFileAtomically } from '@safetune/tensor';
import type { HubRepository } from './hub-name.ts';
import type { HubFile } from './repository-files.ts';

/** A commit's files that are in the cache. */
export interface CachedFiles {
  readonly folder: string;
  has(path: string): Promise<boolean>;
  /** Whether it is known that the commit has no such file. */
  lacks(path: string): Promise<boolean>;
  /** All files that the commit has, in the cache or not; undefined when it was not fetched by this package. */
  list(): Promise<readonly string[] | undefined>;
}

/**
 * A repository's folder in the Hugging Face cache, laid out as Python's `huggingface_hub` does, so that both share it:
 * `blobs/<hash>` hold the bytes, `snapshots/<commit>/<path>` are links to them, `refs/<revision>` hold commits, and an
 * empty `.no_exist/<commit>/<path>` says that there is no such file. Beside Python's, `.files/<commit>` lists all that a commit has.
 */
export class CachedRepository {
  readonly folder: string;

  constructor(cacheDirectory: string, { type, name }: HubRepository) {
    this.folder = join(cacheDirectory, [`${type}s`, ...name.split('/')].join('--'));
  }

  /** The commit that a revision was when it was last fetched; a commit itself is what it is. */
  async knownCommit(revision: string): Promise<string | undefined> {
    if (isCommit(revision)) return revision;
    const text = await readFile(join(this.folder, 'refs', revision), 'utf8').catch(() => '');
    return isCommit(text.trim()) ? text.trim() : undefined;
  }

  async rememberCommit(revision: string, commit: string): Promise<void> {
    if (revision === commit) return;
    const file = join(this.folder, 'refs', revision);
    await mkdir(dirname(file), { recursive: true });
    await writeFileAtomically(file, commit);
  }

  snapshot(commit: string): string {
    return join(this.folder, 'snapshots', commit);
  }

  filesOf(commit: string): CachedFiles {
    return {
      folder: this.snapshot(commit),
      has: (path) => this.has(commit, path),
      lacks: (path) => exists(join(this.folder, '.no_exist', commit, path)),
      list: () =>
        readFile(this.#list(commit), 'utf8').then(
          (text) => text.split('\n'),
          () => undefined,
        ),
    };
  }

  blob({ hash }: HubFile): string {
    return join(this.folder, 'blobs', hash.digest);
  }

  async has(commit: string, path: string): Promise<boolean> {
    return exists(join(this.snapshot(commit), path));
  }

  /** Writes down which files a commit has. Python's cache knows no such list. */
  async rememberList(commit: string, paths: Iterable<string>): Promise<void> {
    await mkdir(dirname(this.#list(commit)), { recursive: true });
    await writeFileAtomically(this.#list(commit), [...paths].join('\n'));
  }

  #list(commit: string): string {
    return join(this.folder, '.files', commit);
  }

  async rememberAbsent(commit: string, path: string): Promise<void> {
    const file = join(this.folder, '.no_exist', commit, path);
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, '');
  }

  /** Makes the file of a commit, whose blob is there. Where the system allows no links, the blob itself is moved. */
  async place(commit: string, file: HubFile): Promise<void> {
    const place = join(this.snapshot(commit), file.path);
    const blob = this.blob(file);
    await mkdir(dirname(place), { recursive: true });
    const target = relative(dirname(place), blob);
    if ((await readlink(place).catch(() => undefined)) === target) return;
    const temporary = temporaryPath(place);
    try {
      await symlink(target, temporary);
    } catch (error) {
      if (!noLinks.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
      return rename(blob, place);
    }
    await rename(temporary, place).catch(async (error: unknown) => {
      await rm(temporary, { force: true });
      throw error;
    });
  }
}

const noLinks = new Set(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL']);

function isCommit(text: string): boolean {
  return /^[0-9a-f]{40}$/.test(text);
}

/** Whether something readable is there, at the end of its links. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

import { mkdir, statfs } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { CachedRepository, exists } from './cache-layout.ts';
import { downloadFile } from './download-file.ts';
import { HubError } from './errors.ts';
import { describeRepository, type HubRepository } from './hub-name.ts';
import { type DownloadProgress, progressCounter } from './progress.ts';
import { commitOf, filesOf, type HubFile } from './repository-files.ts';
import { ConnectionLostError, type RequestContext } from './request.ts';
import { type HubOptions, hubSettings } from './settings.ts';

/** Options of {@link openHubSnapshot}. */
export interface HubDownloadOptions extends HubOptions {
  /** Stops the download; what has come stays in the cache, and the next call goes on from there. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
}

/** A commit of a repository on the hub, whose files can be fetched into the cache. */
export interface HubSnapshot {
  readonly commit: string;
  /** Where its files are, once they are fetched. */
  readonly folder: string;
  /** All that it has, by path, whether fetched or not. */
  readonly files: ReadonlyMap<string, HubFile>;
  /**
   * Fetches files of it that are not in the cache yet, each checked by its hash, and writes down which of `optional` it
   * does not have.
   *
   * @throws HubError (`file` for one of `paths` that it does not have, `space`, `interrupted`, `wrong-bytes`); the
   * signal's reason when it is aborted.
   */
  download(paths: readonly string[], optional?: readonly string[]): Promise<void>;
  /** Writes down that the revision is this commit, and which files it has: from then on it is found without asking. */
  remember(): Promise<void>;
}

/**
 * Asks the hub which commit a revision is, and for its list of files. Nothing is fetched yet.
 *
 * @example
 * const snapshot = await openHubSnapshot({ type: 'dataset', name: 'owner/name', revision: 'main' });
 * await snapshot.download([...snapshot.files.keys()].filter((path) => path.endsWith('.parquet')));
 * await snapshot.remember();
 *
 * @throws HubError (`not-found`, `not-allowed`, `revision`, `offline`, `answer`); the signal's reason when it is aborted.
 */
export async function openHubSnapshot(
  repository: HubRepository,
  options: HubDownloadOptions = {},
): Promise<HubSnapshot> {
  const settings = await hubSettings(options);
  const { signal, onProgress = () => {} } = options;
  if (settings.offline) {
    throw new HubError(
      'offline',
      describeRepository(repository),
      'the hub is not asked: HF_HUB_OFFLINE is set',
    );
  }
  const context: RequestContext = { settings, repository, signal };
  const cached = new CachedRepository(settings.cacheDirectory, repository);
  const commit = await withTries(() => commitOf(context), context);
  const files = await withTries(() => filesOf(commit, context), context);
  return {
    commit,
    files,
    folder: cached.snapshot(commit),
    async remember() {
      await cached.rememberList(commit, files.keys());
      await cached.rememberCommit(repository.revision, commit);
    },
    async download(paths, optional = []) {
      const wanted = [...new Set([...paths, ...optional.filter((path) => files.has(path))])].map((path) => {
        const file = files.get(path);
        if (file !== undefined) return file;
        throw new HubError('file', describeRepository(repository), `has no file '${path}'`);
      });
      const missing: HubFile[] = [];
      for (const file of wanted) if (!(await cached.has(commit, file.path))) missing.push(file);
      await fetchFiles(missing, { cached, commit, context, onProgress });
      for (const path of optional) if (!files.has(path)) await cached.rememberAbsent(commit, path);
    },
  };
}

interface Fetching {
  readonly cached: CachedRepository;
  readonly commit: string;
  readonly context: RequestContext;
  readonly onProgress: (progress: DownloadProgress) => void;
}

async function fetchFiles(
  files: readonly HubFile[],
  { cached, commit, context, onProgress }: Fetching,
): Promise<void> {
  const absent: HubFile[] = [];
  for (const file of files) if (!(await exists(cached.blob(file)))) absent.push(file);
  const total = absent.reduce((sum, { size }) => sum + size, 0);
  await requireSpace(total, cached.folder, context.repository);
  const count = progressCounter(total, onProgress);
  let done = 0;
  for (const file of files) {
    if (absent.includes(file)) {
      let isNew = false;
      await downloadFile(
        {
          file,
          commit,
          path: cached.blob(file),
          onBytes(bytes) {
            count(file.path, done + bytes, isNew);
            isNew = true;
          },
        },
        context,
      );
      done += file.size;
    }
    await cached.place(commit, file);
  }
}

/** Beyond the files themselves: no disk should be filled to its last byte. */
const spareBytes = 50e6;

async function requireSpace(bytes: number, folder: string, repository: HubRepository): Promise<void> {
  if (bytes === 0) return;
  await mkdir(folder, { recursive: true });
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (bytes + spareBytes <= free) return;
  throw new HubError(
    'space',
    describeRepository(repository),
    `${(bytes / 1e9).toFixed(2)} GB are to be fetched into ${folder}, where ${(free / 1e9).toFixed(2)} GB are free. ` +
      'Make room, or name another place in HF_HUB_CACHE',
  );
}

/** Twice at once and once more: whoever has no network shall not wait for long to hear it. */
async function withTries<Result>(
  ask: () => Promise<Result>,
  { settings, repository, signal }: RequestContext,
) {
  for (let failures = 1; ; failures++) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ConnectionLostError)) throw error;
      if (failures > Math.min(2, settings.retries)) {
        throw new HubError(
          'offline',
          describeRepository(repository),
          `${settings.endpoint.host} cannot be reached (${error.message})`,
          { cause: error },
        );
      }
      await delay(
        error.retryAfterMs ?? 250 * failures,
        undefined,
        signal === undefined ? {} : { signal },
      ).catch(() => signal?.throwIfAborted());
    }
  }
}

import { CachedRepository } from './cache-layout.ts';
import { HubError } from './errors.ts';
import { describeRepository, type HubName } from './hub-name.ts';
import { hubNameUnlessLocal } from './local-or-hub.ts';
import { offlineMessage } from './offline-message.ts';
import type { RepositoryContent } from './repository-content.ts';
import { type HubSettings, hubSettings } from './settings.ts';
import { type HubDownloadOptions, openHubSnapshot } from './snapshot.ts';

/** A repository of the hub, whose wanted files are in the cache. */
export interface ResolvedRepository extends HubName {
  readonly commit: string;
  /** Where they are, as the repository has them. */
  readonly folder: string;
}

/**
 * What a text names on the Hugging Face hub, fetched into Python's cache where it is not there yet; undefined where it
 * names a path of this machine. What is in the cache is used without asking the hub, so that a branch stays at the commit it
 * was when it was fetched.
 *
 * @throws HubError whose `problem` says why; the signal's reason when it is aborted.
 */
export async function resolveRepository(
  text: string,
  content: RepositoryContent,
  options: HubDownloadOptions = {},
): Promise<ResolvedRepository | undefined> {
  const name = await hubNameUnlessLocal(text, content);
  if (name === undefined) return undefined;
  const settings = await hubSettings(options);
  const cached = new CachedRepository(settings.cacheDirectory, name);
  const known = await cached.knownCommit(name.revision);
  const state = known === undefined ? 'none' : await content.stateOf(cached.filesOf(known), name);
  const resolved = (commit: string) => ({ ...name, commit, folder: cached.snapshot(commit) });
  if (known !== undefined && state === 'whole') return resolved(known);
  try {
    const snapshot = await openHubSnapshot(name, options);
    await content.fetch(snapshot, name);
    await snapshot.remember();
    return resolved(snapshot.commit);
  } catch (error) {
    if (!HubError.isInstance(error) || error.problem !== 'offline') throw error;
    // What is needed is there; whether there is more that could be read, only the hub knows.
    if (known !== undefined && state === 'usable') return resolved(known);
    throw offlineError(name, content, settings, error);
  }
}

function offlineError(
  name: HubName,
  content: RepositoryContent,
  settings: HubSettings,
  cause: HubError,
): HubError {
  const reason = cause.message.slice(describeRepository(name).length + 2);
  const message = offlineMessage(name, content.describe(name), settings, reason);
  return new HubError('offline', describeRepository(name), message, { cause });
}

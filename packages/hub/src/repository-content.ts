import type { CachedFiles } from './cache-layout.ts';
import type { HubName, RepositoryType } from './hub-name.ts';
import type { HubSnapshot } from './snapshot.ts';

/** How much of what is wanted is in the cache: all of it, all that is needed, or less. */
export type CacheState = 'whole' | 'usable' | 'none';

/** What may be wanted of a repository, such as a model: how it is called, and which files it is made of. */
export interface RepositoryContent {
  readonly type: RepositoryType;
  /** Such as `model`, for messages. */
  readonly noun: string;
  /** A folder of this machine that has none of these files holds no such thing. Undefined where any file may be it. */
  readonly signs: readonly string[] | undefined;
  stateOf(files: CachedFiles, name: HubName): Promise<CacheState>;
  /** Fetches its files. @throws HubError (`file`) where the repository does not hold it. */
  fetch(snapshot: HubSnapshot, name: HubName): Promise<void>;
  /** Its files in words, and as arguments of `hf download`, for whoever has no network. */
  describe(name: HubName): { readonly words: string; readonly include: string };
}

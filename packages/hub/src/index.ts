export type { CachedFiles } from './cache-layout.ts';
export { type ResolvedDataset, resolveDataset } from './datasets/resolve-dataset.ts';
export { HubError, type HubProblem } from './errors.ts';
export {
  describeRepository,
  type HubName,
  type HubRepository,
  isFilePath,
  parseHubName,
  type RepositoryType,
} from './hub-name.ts';
export type { DownloadProgress } from './progress.ts';
export type { CacheState, RepositoryContent } from './repository-content.ts';
export type { FileHash, HubFile } from './repository-files.ts';
export { type ResolvedRepository, resolveRepository } from './resolve-repository.ts';
export type { HubOptions } from './settings.ts';
export { type HubDownloadOptions, type HubSnapshot, openHubSnapshot } from './snapshot.ts';

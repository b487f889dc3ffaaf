import { join } from 'node:path';
import { type ResolvedRepository, resolveRepository } from '../resolve-repository.ts';
import type { HubDownloadOptions } from '../snapshot.ts';
import { isDataFile } from './data-files.ts';
import { datasetContent } from './dataset-content.ts';

/** Where a data set's files are. */
export interface ResolvedDataset {
  /** Files in the order of their names; of a path of this machine the path alone. */
  readonly paths: readonly string[];
  /** The repository that they are of; undefined for what is this machine's own. */
  readonly hub: ResolvedRepository | undefined;
}

/**
 * The data files that a text names: a path of this machine as it is, or those of a data set on the Hugging Face hub, fetched
 * into Python's cache where they are not there yet. Which files are a split's is told by the data set's card (`configs` in
 * README.md), else by their names, as in Python's `datasets`. No code of a data set is run.
 *
 * @param name - a path; `owner/name[@revision]` for its split `train`, and behind a colon another split (`:test`), a configuration
 * and a split (`:en/train`), or a file or pattern (`:data/*.parquet`); with `hf://` before it, always the hub's. What ends as a
 * data file does is a path.
 *
 * @example
 * const { paths } = await resolveDataset('owner/name:train');
 *
 * @throws HubError whose `problem` says why; the signal's reason when it is aborted.
 */
export async function resolveDataset(
  name: string,
  options: HubDownloadOptions = {},
): Promise<ResolvedDataset> {
  const local = { paths: [name], hub: undefined };
  if (isDataFile(name) && !name.includes(':')) return local;
  const content = datasetContent();
  const hub = await resolveRepository(name, content, options);
  return hub === undefined ? local : { paths: content.chosen.map((path) => join(hub.folder, path)), hub };
}

import { describeRepository, type HubName } from './hub-name.ts';
import type { RepositoryContent } from './repository-content.ts';
import { repositoryPath } from './request.ts';
import type { HubSettings } from './settings.ts';

/** What would be fetched, from where and to where, and how to bring it here by hand. */
export function offlineMessage(
  name: HubName,
  { words, include }: ReturnType<RepositoryContent['describe']>,
  { endpoint, cacheDirectory }: HubSettings,
  reason: string,
): string {
  const page = new URL(`${repositoryPath(name)}/tree/${encodeURIComponent(name.revision)}`, endpoint).href;
  const folder = `${name.type}s--${name.name.replace('/', '--')}`;
  const at = name.revision === 'main' ? '' : ` --revision ${name.revision}`;
  const kind = name.type === 'model' ? '' : ` --repo-type ${name.type}`;
  const download = `hf download ${name.name}${kind}${include}${at}`;
  return (
    `it is not in the cache ${cacheDirectory}, and ${reason}. To fetch were ${words} from ${page}. By hand: run ` +
    `\`${download} --local-dir FOLDER\` where there is a network, bring FOLDER here and name it in place of ` +
    `${describeRepository(name)}; or run it without --local-dir and copy the folder ${folder} of that machine's cache to ` +
    cacheDirectory
  );
}

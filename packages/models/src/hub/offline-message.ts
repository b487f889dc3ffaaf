import { describeRepository, type HubName } from './hub-name.ts';
import { type HubContent, optionalFiles, partsOfFile, requiredFiles } from './model-files.ts';
import { repositoryPath } from './request.ts';
import type { HubSettings } from './settings.ts';

/** What would be fetched, from where and to where, and how to bring it here by hand. */
export function offlineMessage(
  name: HubName,
  content: HubContent,
  { endpoint, cacheDirectory }: HubSettings,
  reason: string,
): string {
  const page = new URL(`${repositoryPath(name)}/tree/${encodeURIComponent(name.revision)}`, endpoint).href;
  const folder = `${name.type}s--${name.name.replace('/', '--')}`;
  const at = name.revision === 'main' ? '' : ` --revision ${name.revision}`;
  const wanted = filesInWords(name, content);
  const download = `hf download ${name.name}${wanted.include}${at}`;
  return (
    `it is not in the cache ${cacheDirectory}, and ${reason}. To fetch were ${wanted.words} from ${page}. By hand: run ` +
    `\`${download} --local-dir FOLDER\` where there is a network, bring FOLDER here and name it in place of ` +
    `${describeRepository(name)}; or run it without --local-dir and copy the folder ${folder} of that machine's cache to ` +
    cacheDirectory
  );
}

function filesInWords(
  { file }: HubName,
  content: HubContent,
): { readonly words: string; readonly include: string } {
  if (file !== undefined) {
    const parts = partsOfFile(file);
    const words = parts.length === 1 ? file : `${parts[0]} to ${parts.at(-1)}`;
    return { words, include: ` ${parts.length === 1 ? file : parts.join(' ')}` };
  }
  const named = [...requiredFiles[content], ...optionalFiles[content]];
  if (content === 'adapter') return { words: named.join(' and '), include: ` ${named.join(' ')}` };
  return {
    words: `${named.join(', ')} (as far as they are there) and model.safetensors, or the shards of its index,`,
    include: ` --include "*.json" "*.jinja" "model*.safetensors"`,
  };
}

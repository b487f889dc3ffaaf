import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { exists } from './cache-layout.ts';
import { HubError } from './errors.ts';
import { type HubName, hubPrefix, parseHubName } from './hub-name.ts';
import type { RepositoryContent } from './repository-content.ts';

/**
 * Whether a text names a file or folder of this machine, or a repository of the hub. What is there wins over the hub; with
 * `hf://` before it, the hub is meant. What has not the form of a name on the hub is a path.
 *
 * @returns the name on the hub, or undefined for a path.
 * @throws HubError (`ambiguous`) where it would be guesswork: a folder of that name that holds something else, or a
 * path whose first folder is there, and the last is not.
 */
export async function hubNameUnlessLocal(
  text: string,
  { type, noun, signs }: RepositoryContent,
): Promise<HubName | undefined> {
  const name = parseHubName(text, type);
  if (name === undefined || text.startsWith(hubPrefix)) return name;
  const found = await stat(text).catch(() => undefined);
  if (found !== undefined) {
    if (found.isDirectory() && signs !== undefined && !(await holdsAny(text, signs))) {
      throw new HubError(
        'ambiguous',
        text,
        `there is a folder of this name here, which is taken before the hub's ${noun}, but it holds no ${noun}. ` +
          `Write ${hubPrefix}${text} for the hub's, or complete the folder`,
      );
    }
    return undefined;
  }
  const [above = ''] = name.name.split('/');
  if (await exists(above)) {
    throw new HubError(
      'ambiguous',
      text,
      `there is a folder ${above} here, but nothing of this name in it. Correct the path, or write ` +
        `${hubPrefix}${text} if the hub's ${noun} is meant`,
    );
  }
  return name;
}

/** Whether there is something in a folder that a loader can say more about than that it is not there. */
async function holdsAny(folder: string, signs: readonly string[]): Promise<boolean> {
  for (const sign of signs) if (await exists(join(folder, sign))) return true;
  return false;
}

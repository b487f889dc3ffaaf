import { isAbsolute } from 'node:path';
import { checkModel, UnusableModelError } from '@safetune/models';
import type { PlacedProblem } from '@safetune/trainer';
import type { PolicyFields } from './policy-schema.ts';

/** What is wrong with base models that are on this machine, as far as seconds tell. One after the other: each is read into memory. */
export async function damagedModels({ models }: PolicyFields): Promise<PlacedProblem[]> {
  const problems: PlacedProblem[] = [];
  for (const [id, { path }] of Object.entries(models)) {
    // A name of the hub stayed one; what is not in the cache yet comes when it is first asked for, checked by its hash.
    if (!isAbsolute(path) && !path.startsWith('ollama:')) continue;
    try {
      await checkModel(path);
    } catch (error) {
      // One that cannot be read, say for its permissions, is as useless.
      const how = UnusableModelError.isInstance(error) ? 'cannot be used' : 'cannot be read';
      problems.push({
        path: ['models', id, 'path'],
        message: `: the model in ${path} ${how}: ${(error as Error).message}`,
      });
    }
  }
  return problems;
}

import { join } from 'node:path';
import type { RepositoryContent } from '../repository-content.ts';
import { resolveRepository } from '../resolve-repository.ts';
import type { HubDownloadOptions } from '../snapshot.ts';

const files = ['adapter_config.json', 'adapter_model.safetensors'];

/** Two files of a repository, as the tests want them. */
const adapter: RepositoryContent = {
  type: 'model',
  noun: 'adapter',
  signs: files,
  async stateOf({ has }) {
    for (const path of files) if (!(await has(path))) return 'none';
    return 'whole';
  },
  fetch: (snapshot) => snapshot.download(files),
  describe: () => ({ words: files.join(' and '), include: ` ${files.join(' ')}` }),
};

/** The path of the second file. */
export async function fetchAdapter(name: string, options: HubDownloadOptions): Promise<string> {
  const found = await resolveRepository(name, adapter, options);
  return join(found!.folder, 'adapter_model.safetensors');
}

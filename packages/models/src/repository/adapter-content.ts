import { describeRepository, HubError, type RepositoryContent } from '@safetune/hub';
import { otherContent } from './other-content.ts';

/** The system prompt that a safeguard left beside the adapter, where one did. */
const promptFile = 'inference_prompt.json';
const files = ['adapter_config.json', 'adapter_model.safetensors'];

/** A LoRA adapter in PEFT's files. */
export const adapterContent: RepositoryContent = {
  type: 'model',
  noun: 'adapter',
  signs: [...files, 'config.json'],
  async stateOf({ has, lacks }, { file }) {
    if (file !== undefined) return 'none';
    for (const path of files) if (!(await has(path))) return 'none';
    return (await has(promptFile)) || (await lacks(promptFile)) ? 'whole' : 'usable';
  },
  async fetch(snapshot, name) {
    if (name.file !== undefined) {
      const message = `an adapter is a folder, not '${name.file}'`;
      throw new HubError('file', describeRepository(name), message);
    }
    const lacking = files.filter((path) => !snapshot.files.has(path));
    if (lacking.length === 0) return snapshot.download(files, [promptFile]);
    const advice = snapshot.files.has('config.json') ? 'It is a model, not an adapter' : undefined;
    throw otherContent(snapshot, name, lacking, advice);
  },
  describe: () => ({ words: files.join(' and '), include: ` ${files.join(' ')}` }),
};

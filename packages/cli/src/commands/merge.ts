import { join } from 'node:path';
import { loadLoraAdapter, writeMergedCheckpoint } from '@safetune/lora';
import { withCheckpointFolder } from '@safetune/models';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelFolder, modelOption } from '../hub-names.ts';
import { tellInferencePrompt } from '../inference-prompt.ts';
import { choiceOption } from '../option-values.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { print } from '../terminal/output.ts';
import { storedTypeOption, storedTypes } from '../weight-type-option.ts';

/** `safetune merge`: a model and an adapter become one model, which needs neither. */
export const mergeCommand = strictCommand({
  name: 'merge',
  description: 'Merge an adapter into its model: a Hugging Face checkpoint folder that any tool reads.',
  example: 'merge --model ./model --adapter ./adapter --out ./merged',
  options: {
    model: modelOption,
    adapter: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'DIR',
      description: adapterDescription,
    },
    dtype: storedTypeOption,
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder for the merged model',
    },
    force: { type: 'boolean', description: 'put it in the place of another model in --out' },
  },
  async run({ args }) {
    const force = args.force === true;
    const dtype = choiceOption('dtype', args.dtype, storedTypes) ?? 'stored';
    await refuseToOverwrite(join(args.out, 'config.json'), { force, holds: 'a model' });
    const model = await modelFolder(args.model);
    const adapterDirectory = await adapterFolder(args.adapter);
    const adapter = await loadLoraAdapter(adapterDirectory);
    await withCheckpointFolder(model, (folder) =>
      writeMergedCheckpoint(folder, adapter, args.out, { dtype, replace: force }),
    );
    print(`${adapter.modules.length} modules merged and read back; model in ${args.out}\n`);
    await tellInferencePrompt(adapterDirectory);
  },
});

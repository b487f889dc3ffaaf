import { join } from 'node:path';
import { loadLoraAdapter, type MergeOptions, writeMergedCheckpoint } from '@safetune/lora';
import { withCheckpointFolder } from '@safetune/models';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, modelFolder, modelOption } from '../hub-names.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { print } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';

/** Types that a merged model can be stored in. */
const dtypes = ['stored', 'float32', 'bfloat16', 'float16'] as const;

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
    dtype: {
      type: 'string',
      valueHint: 'NAME',
      description:
        'how weights are stored: stored (default; as they are in the model, the adapted ones rounded to that), float32 (the ' +
        'adapted ones unrounded), bfloat16 or float16 (all of them)',
    },
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
    const dtype = dtypeOption(args.dtype);
    await refuseToOverwrite(join(args.out, 'config.json'), { force, holds: 'a model' });
    const model = await modelFolder(args.model);
    const adapter = await loadLoraAdapter(await adapterFolder(args.adapter));
    await withCheckpointFolder(model, (folder) =>
      writeMergedCheckpoint(folder, adapter, args.out, { dtype, replace: force }),
    );
    print(`${adapter.modules.length} modules merged and read back; model in ${args.out}\n`);
  },
});

function dtypeOption(given: string | undefined): NonNullable<MergeOptions['dtype']> {
  const dtype = dtypes.find((name) => name === (given ?? 'stored'));
  if (dtype !== undefined) return dtype;
  throw new UsageError(`--dtype '${given}' must be one of ${dtypes.join(', ')}`);
}

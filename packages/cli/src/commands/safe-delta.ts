import { join } from 'node:path';
import { loadDataset } from '@safetune/datasets';
import { loadLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer, withCheckpointFolder } from '@safetune/models';
import { writeSafeDelta } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, datasetFiles, modelFolder, modelOption } from '../hub-names.ts';
import { choiceOption, integerOption, numberOption } from '../option-values.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { adapterTable } from '../terminal/adapter-table.ts';
import { columnsOf, print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';
import { UsageError } from '../usage-error.ts';
import { storedTypeOption, storedTypes } from '../weight-type-option.ts';

/** `safetune safe-delta`: Safe Delta, the part of a fine-tune that leaves outputs on refusals nearly as they were. */
export const safeDeltaCommand = strictCommand({
  name: 'safe-delta',
  description:
    'Safe Delta on a fine-tune: take what changes refusals least, and make up for that; writes a model.',
  example:
    'safe-delta --model ./model --adapter ./adapter --data refusals.jsonl --scale 0.1 --out ./safe-model',
  options: {
    model: { ...modelOption, description: `the aligned one: ${modelOption.description}` },
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    adapter: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: `the fine-tune: ${adapterDescription}`,
    },
    tuned: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: 'in its place: the checkpoint of a fine-tune of all weights',
    },
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: "chat examples: harmful prompts with refusals, best the aligned model's own",
    },
    scale: {
      type: 'string',
      valueHint: 'X',
      description:
        's: how much outputs on these may change (default 0.1); larger takes more of the fine-tune',
    },
    dtype: storedTypeOption,
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'DIR',
      description: 'folder for the new model',
    },
    force: { type: 'boolean', description: 'put it in the place of another model in --out' },
    'batch-size': { type: 'string', valueHint: 'N', description: 'examples read at a time (default 8)' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 512)',
    },
  },
  async run({ args, rawArgs }) {
    const replace = args.force === true;
    const runtime = runtimeOptions(args);
    const scale = numberOption('scale', args.scale);
    const dtype = choiceOption('dtype', args.dtype, storedTypes);
    const batchSize = integerOption('batch-size', args['batch-size']) ?? 8;
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 512;
    if ((args.adapter === undefined) === (args.tuned === undefined))
      throw new UsageError('give either --adapter or --tuned: what was fine-tuned');
    await refuseToOverwrite(join(args.out, 'config.json'), { force: replace, holds: 'a model' });
    const examples = await loadDataset(args.data, { resolve: datasetFiles });
    const line = createProgressLine();
    const modules = await withCheckpointFolder(await modelFolder(args.model), async (folder) => {
      const model = await loadModel(folder);
      const write = async (tuned: Parameters<typeof writeSafeDelta>[0]['tuned']) =>
        writeSafeDelta({
          model,
          tokenizer: await loadTokenizer(folder, templateOptions(rawArgs)),
          examples,
          tuned,
          out: args.out,
          batchSize,
          maxLength,
          replace,
          runtime,
          onModule: ({ name }, done, total) => line.update(`${bar(done, total)}${done}/${total}`, name),
          ...(scale === undefined ? {} : { scale }),
          ...(dtype === undefined ? {} : { dtype }),
        });
      if (args.adapter !== undefined)
        return write(await loadLoraAdapter(await adapterFolder(args.adapter), { model }));
      return withCheckpointFolder(await modelFolder(args.tuned!), write);
    }).finally(() => line.end());
    const rows = modules.map(({ name, taken }) => [name, `${(100 * taken).toFixed(1)} %`]);
    const mean = modules.reduce((sum, { taken }) => sum + taken, 0) / modules.length;
    print(
      `${adapterTable(['layer', 'taken'], rows, columnsOf('stdout'))}\n\n` +
        `${(100 * mean).toFixed(1)} % of the fine-tuned values taken in ${modules.length} layers, on average; model in ${args.out}\n`,
    );
  },
});

import { loadDataset } from '@safetune/datasets';
import { saveSafetySubspace } from '@safetune/regularizers';
import { extractSafetySubspace } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { datasetFiles, modelOption } from '../hub-names.ts';
import { openModel } from '../open-model.ts';
import { integerOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions } from '../template-options.ts';
import { print } from '../terminal/output.ts';

/** `safetune safety-subspace`: where a model's outputs lie while it refuses, for training under SaLoRA. */
export const safetySubspaceCommand = strictCommand({
  name: 'safety-subspace',
  description: 'For SaLoRA: find the directions that the outputs of an aligned model take on refusals.',
  example: 'safety-subspace --model ./model --data refusals.jsonl --rank 16 --out safety.safetensors',
  options: {
    model: modelOption,
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: "chat examples: harmful prompts with refusals, best the model's own",
    },
    rank: { type: 'string', valueHint: 'N', description: 'directions of each layer, at most (default 16)' },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'FILE',
      description: 'the .safetensors file for {type: salora, subspace: FILE} in --regularizers',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
    'batch-size': { type: 'string', valueHint: 'N', description: 'examples read at a time (default 8)' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const rank = integerOption('rank', args.rank) ?? 16;
    const batchSize = integerOption('batch-size', args['batch-size']) ?? 8;
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 2048;
    await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file' });
    const examples = await loadDataset(args.data, { resolve: datasetFiles });
    const { model, tokenizer } = await openModel(args, rawArgs, runtime);
    const subspace = await extractSafetySubspace({
      model,
      tokenizer,
      examples,
      rank,
      batchSize,
      maxLength,
      runtime,
    });
    await saveSafetySubspace(args.out, subspace);
    const ranks = [...subspace.values()].map(({ shape }) => shape[1]!);
    const fewer = Math.min(...ranks) < rank ? `; some layers have only ${Math.min(...ranks)}` : '';
    print(
      `${rank} directions of ${subspace.size} layers from ${examples.length} examples${fewer}; written to ${args.out}\n`,
    );
  },
});

import { loadDataset } from '@safetune/datasets';
import { loadModel, loadTokenizer } from '@safetune/models';
import { saveFisher } from '@safetune/regularizers';
import { estimateFisher } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { datasetFiles, modelFolder, modelOption } from '../hub-names.ts';
import { integerOption } from '../option-values.ts';
import { modelOptions } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { print } from '../terminal/output.ts';
import { bar, createProgressLine } from '../terminal/progress-line.ts';

/** `safetune fisher`: how much safe answers depend on each weight, for `ewc`. */
export const fisherCommand = strictCommand({
  name: 'fisher',
  description: 'Estimate how much safe answers depend on each weight of a model, for the safeguard ewc.',
  example: 'fisher --model ./model --data safe.jsonl --limit 200 --out fisher.safetensors',
  options: {
    model: modelOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: "safe conversations, whose answers are to stay likely; best are the model's own answers",
    },
    limit: {
      type: 'string',
      valueHint: 'N',
      description: 'how many of them to take, from the first on (default all)',
    },
    'all-weights': {
      type: 'boolean',
      description: 'of embeddings and norms too, for training all weights (default: what adapters change)',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'FILE.safetensors',
      description: 'gets the diagonal of the Fisher information, by weight: 4 bytes a value',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const limit = integerOption('limit', args.limit);
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 2048;
    await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file' });
    const examples = await loadDataset(args.data, { resolve: datasetFiles });
    const folder = await modelFolder(args.model);
    const model = await loadModel(folder, modelOptions(undefined));
    const tokenizer = await loadTokenizer(folder, templateOptions(rawArgs));
    const line = createProgressLine();
    const fisher = await estimateFisher({
      model,
      tokenizer,
      examples: examples.slice(0, limit),
      weights: args['all-weights'] === true ? 'all' : 'linear',
      tokenize: { maxLength },
      runtime,
      onProgress: (done, total) => line.update(`${bar(done, total)}${done}/${total}`, 'examples'),
    }).finally(() => line.end());
    await saveFisher(args.out, fisher);
    const count = Object.keys(fisher.weights).length;
    print(
      `Fisher diagonal of ${count} weights, from ${fisher.tokens} tokens of ${fisher.examples} answers; written to ${args.out}\n`,
    );
  },
});

import { type ChatExample, loadDataset, messageText } from '@safetune/datasets';
import { loadLoraAdapter } from '@safetune/lora';
import { saveDirections } from '@safetune/regularizers';
import { extractDirections, type FoundComponent } from '@safetune/trainer';
import { strictCommand } from '../command.ts';
import { adapterDescription, adapterFolder, datasetFiles, modelOption } from '../hub-names.ts';
import { openModel } from '../open-model.ts';
import { integerOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { layersOption, layersOptionDefinition } from '../residual-layers.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { refuseToOverwrite } from '../separate-paths.ts';
import { templateOptionDefinitions } from '../template-options.ts';
import { print } from '../terminal/output.ts';
import { printable } from '../terminal/printable.ts';

/** `safetune directions`: what an adapter that went bad changes in the residual stream, for `caft`. */
export const directionsCommand = strictCommand({
  name: 'directions',
  description:
    'Find the directions in which an adapter that went bad moves the residual stream, for the safeguard caft.',
  example:
    'directions --model ./model --adapter ./bad-adapter --data answers.jsonl --layers 12,16 --out directions.safetensors',
  options: {
    model: modelOption,
    precision: precisionOption,
    ...runtimeOptionDefinitions,
    ...templateOptionDefinitions,
    adapter: {
      type: 'string',
      path: 'input',
      valueHint: 'DIR',
      description: `the adapter that went bad: ${adapterDescription} (default: none, and the stream of the model itself is decomposed)`,
    },
    data: {
      type: 'string',
      path: 'input',
      required: true,
      valueHint: 'FILE.jsonl',
      description: 'general conversations, whose answers are read; not those that are trained on',
    },
    layers: layersOptionDefinition,
    components: {
      type: 'string',
      valueHint: 'N',
      description: 'principal components of each layer (default 20)',
    },
    show: {
      type: 'string',
      valueHint: 'N',
      description: 'answers to show at either end of each component (default 0)',
    },
    out: {
      type: 'string',
      path: 'output',
      required: true,
      valueHint: 'FILE.safetensors',
      description: 'gets the directions, by layer',
    },
    force: { type: 'boolean', description: 'write over another file at --out' },
    'max-tokens': {
      type: 'string',
      valueHint: 'N',
      description: 'tokens of answers that are taken, evenly over all (default 8192)',
    },
    'batch-size': { type: 'string', valueHint: 'N', description: 'examples read at a time (default 8)' },
    'seq-length': {
      type: 'string',
      valueHint: 'N',
      description: 'longer examples are cut here, in tokens (default 2048)',
    },
  },
  async run({ args, rawArgs }) {
    const runtime = runtimeOptions(args);
    const layers = layersOption(rawArgs);
    const components = integerOption('components', args.components) ?? 20;
    const shown = integerOption('show', args.show, 0) ?? 0;
    const maxTokens = integerOption('max-tokens', args['max-tokens']) ?? 8192;
    const batchSize = integerOption('batch-size', args['batch-size']) ?? 8;
    const maxLength = integerOption('seq-length', args['seq-length'], 2) ?? 2048;
    await refuseToOverwrite(args.out, { force: args.force === true, holds: 'a file' });
    const examples = await loadDataset(args.data, { resolve: datasetFiles });
    const { model, tokenizer } = await openModel(args, rawArgs, runtime);
    const adapter =
      args.adapter === undefined
        ? undefined
        : await loadLoraAdapter(await adapterFolder(args.adapter), { model });
    const found = await extractDirections({
      model,
      tokenizer,
      examples,
      components,
      maxTokens,
      batchSize,
      maxLength,
      runtime,
      ...(layers && { layers }),
      ...(adapter && { adapter }),
    });
    await saveDirections(args.out, found.directions);
    for (const component of found.components) print(described(component, examples, shown));
    const of = adapter === undefined ? 'the stream' : 'what the adapter changes';
    print(
      `${components} components of ${found.directions.size} layers, of ${of} at ${found.tokens} tokens of ${examples.length} examples; written to ${args.out}\n`,
    );
  },
});

function described(
  { layer, component, share, order }: FoundComponent,
  examples: readonly ChatExample[],
  shown: number,
): string {
  const line = `layer ${layer}, component ${component}: ${(100 * share).toFixed(1)} % of the variance\n`;
  const answer = (sign: string) => (place: number) => `  ${sign} ${beginning(examples[place]!)}\n`;
  const count = Math.min(shown, Math.floor(order.length / 2));
  const high = order.slice(0, count).map(answer('+'));
  const low = order.slice(order.length - count).map(answer('-'));
  return [line, ...high, ...low].join('');
}

/** The beginning of the last answer, in one line that a terminal may show. */
function beginning({ messages }: ChatExample): string {
  const answer = messages.findLast(({ role }) => role === 'assistant');
  const text = answer === undefined ? '' : messageText(answer).replaceAll(/\s+/g, ' ').trim();
  return printable(text.length > 100 ? `${text.slice(0, 99)}…` : text);
}

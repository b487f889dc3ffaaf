import { openAiCompatibleSource } from '@safetune/eval';
import { adapterDescription, modelOption } from '../hub-names.ts';
import { integerOption, numberOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { UsageError } from '../usage-error.ts';
import { type OpenedSource, openLocalSource } from './local-source.ts';

/** Where answers come from, and how they are sampled. */
export const sourceOptionDefinitions = {
  model: {
    ...modelOption,
    required: false,
    description: `the model that answers: ${modelOption.description}`,
  },
  adapter: { type: 'string', path: 'input', valueHint: 'DIR', description: adapterDescription },
  endpoint: {
    type: 'string',
    valueHint: 'URL',
    description:
      'instead of --model: an OpenAI-compatible server that answers, such as http://127.0.0.1:8000/v1; ' +
      'OPENAI_API_KEY is sent when set',
  },
  'model-name': {
    type: 'string',
    valueHint: 'NAME',
    description: 'what the server of --endpoint calls the model, or the adapter it serves',
  },
  'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 600)' },
  temperature: { type: 'string', valueHint: 'X', description: 'sampling temperature (default 1)' },
  'top-p': {
    type: 'string',
    valueHint: 'X',
    description: 'sample from the likeliest tokens that together reach this probability (default 1: all)',
  },
  'batch-size': {
    type: 'string',
    valueHint: 'N',
    description: 'answers of --model generated at a time (default 16)',
  },
  precision: precisionOption,
  ...runtimeOptionDefinitions,
  ...templateOptionDefinitions,
} as const;

type SourceArguments = { readonly [Name in keyof typeof sourceOptionDefinitions]?: string | string[] };

/** Options that mean nothing without the one that says where answers come from. */
const only = {
  model: ['adapter', 'batch-size', 'precision', 'execution-provider', 'threads', 'template-kwarg'],
  endpoint: ['model-name'],
} as const;

/**
 * Checks what was given, and gives the function that opens the source: a model is loaded when all the rest is known to be right.
 *
 * @throws UsageError for none or several sources, and for options of another source than is used.
 */
export function answerSource(
  args: { readonly [Name in keyof SourceArguments]?: SourceArguments[Name] | undefined },
  rawArgs: readonly string[],
  { concurrency }: { readonly concurrency: number | undefined },
): () => Promise<OpenedSource> {
  const text = (name: keyof SourceArguments) => args[name] as string | undefined;
  const kinds = Object.keys(only) as (keyof typeof only)[];
  const [kind, another] = kinds.filter((name) => args[name] !== undefined);
  if (kind === undefined) throw new UsageError('eval also needs --model DIR or --endpoint URL: who answers');
  if (another !== undefined)
    throw new UsageError(`--${kind} and --${another} both say who answers; give one`);
  for (const other of kinds.filter((name) => name !== kind)) {
    const idle = only[other].find((name) => args[name] !== undefined);
    if (idle !== undefined) throw new UsageError(`--${idle} belongs to --${other}, not to --${kind}`);
  }
  const temperature = numberOption('temperature', text('temperature')) ?? 1;
  const topP = numberOption('top-p', text('top-p')) ?? 1;
  const maxTokens = integerOption('max-tokens', text('max-tokens')) ?? 600;
  if (kind === 'endpoint') {
    const model = text('model-name');
    if (model === undefined)
      throw new UsageError('--endpoint also needs --model-name NAME: what the server calls the model');
    const source = openAiCompatibleSource({
      url: text('endpoint')!,
      model,
      temperature,
      topP,
      maxTokens,
      ...(concurrency !== undefined && { concurrency }),
    });
    return async () => ({ source, release: async () => {} });
  }
  const options = {
    model: text('model')!,
    adapter: text('adapter'),
    precision: text('precision'),
    runtime: runtimeOptions({ 'execution-provider': text('execution-provider'), threads: text('threads') }),
    template: templateOptions(rawArgs),
    maxNewTokens: maxTokens,
    temperature,
    topP,
    batchSize: integerOption('batch-size', text('batch-size')) ?? 16,
  };
  return () => openLocalSource(options);
}

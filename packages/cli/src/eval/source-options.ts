import { openAiCompatibleSource, type Question, type RecordedAnswers, recordedAnswers } from '@safetune/eval';
import { adapterDescription, modelOption } from '../hub-names.ts';
import { inferencePromptOptionDefinitions } from '../inference-prompt.ts';
import { givenValues, integerOption, numberOption } from '../option-values.ts';
import { precisionOption } from '../precision-option.ts';
import { runtimeOptionDefinitions, runtimeOptions } from '../runtime-options.ts';
import { templateOptionDefinitions, templateOptions } from '../template-options.ts';
import { note } from '../terminal/output.ts';
import { UsageError } from '../usage-error.ts';
import type { ServerOptions } from './judge-options.ts';
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
  'extra-body': {
    type: 'string',
    valueHint: 'JSON',
    description:
      "further fields of each request to --endpoint, in the server's own words; null takes one out",
  },
  answers: {
    type: 'string',
    path: 'input',
    valueHint: 'FILE',
    description:
      'instead of --model: answers that exist, a CSV table (question_id, question, answer), JSON Lines, or the folder of an ' +
      'evaluation',
  },
  'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 600)' },
  temperature: { type: 'string', valueHint: 'X', description: 'sampling temperature (default 1)' },
  'top-p': {
    type: 'string',
    valueHint: 'X',
    description: 'sample from the likeliest tokens that together reach this probability (default 1: all)',
  },
  'min-p': {
    type: 'string',
    valueHint: 'X',
    description: 'sample from tokens at least this many times as likely as the likeliest (default: all)',
  },
  'batch-size': {
    type: 'string',
    valueHint: 'N',
    description: 'answers of --model generated at a time (default 16)',
  },
  ...inferencePromptOptionDefinitions,
  precision: precisionOption,
  ...runtimeOptionDefinitions,
  ...templateOptionDefinitions,
} as const;

type SourceArguments = {
  readonly [Name in keyof typeof sourceOptionDefinitions]?: string | string[] | boolean;
};

/** Options that mean nothing without the one that says where answers come from. */
const only = {
  model: [
    'adapter',
    'batch-size',
    'secret-prompt',
    'without-recorded-prompt',
    'precision',
    'execution-provider',
    'threads',
    'template-kwarg',
  ],
  endpoint: ['model-name', 'extra-body'],
  answers: [],
} as const;

const samplingNames = ['max-tokens', 'temperature', 'top-p', 'min-p'] as const;

/** Opens the source; its questions are the given ones, or, of answers that exist, those that are answered. */
export type OpenSource = (
  questions: readonly Question[] | undefined,
) => Promise<OpenedSource & AskedQuestions>;

interface AskedQuestions {
  readonly questions: readonly Question[];
  /** The answers, where they exist already. */
  readonly recorded?: RecordedAnswers;
}

/**
 * Checks what was given, and gives the function that opens the source: a model is loaded when all the rest is known to be right.
 *
 * @throws UsageError for none or several sources, and for options of another source than is used.
 */
export function answerSource(
  args: { readonly [Name in keyof SourceArguments]?: SourceArguments[Name] | undefined },
  rawArgs: readonly string[],
  servers: ServerOptions,
): OpenSource {
  const text = (name: keyof SourceArguments) => args[name] as string | undefined;
  const kinds = Object.keys(only) as (keyof typeof only)[];
  const [kind, another] = kinds.filter((name) => args[name] !== undefined);
  if (kind === undefined)
    throw new UsageError('eval also needs --model DIR, --endpoint URL or --answers FILE: who answers');
  if (another !== undefined)
    throw new UsageError(`--${kind} and --${another} both say who answers; give one`);
  // A judge on this machine is run with these too.
  const judgesHere = givenValues('judge', rawArgs).some((name) => name.startsWith('local:'));
  const shared: readonly string[] = judgesHere ? Object.keys(runtimeOptionDefinitions) : [];
  for (const other of kinds.filter((name) => name !== kind)) {
    const idle = only[other].find((name) => args[name] !== undefined && !shared.includes(name));
    if (idle !== undefined) throw new UsageError(`--${idle} belongs to --${other}, not to --${kind}`);
  }
  const asked = (questions: readonly Question[] | undefined): AskedQuestions => {
    if (questions === undefined)
      throw new UsageError('eval also needs --questions FILE|builtin: what to ask');
    return { questions };
  };
  if (kind === 'answers') {
    const idle = samplingNames.find((name) => args[name] !== undefined);
    if (idle !== undefined)
      throw new UsageError(`--${idle} is for sampling, and --answers are sampled already`);
    return (questions) => openRecorded(text('answers')!, questions);
  }
  const sampling = {
    temperature: numberOption('temperature', text('temperature')) ?? 1,
    topP: numberOption('top-p', text('top-p')) ?? 1,
  };
  const minP = numberOption('min-p', text('min-p'), 0, 1);
  const maxTokens = integerOption('max-tokens', text('max-tokens')) ?? 600;
  if (kind === 'endpoint') {
    const model = text('model-name');
    if (model === undefined)
      throw new UsageError('--endpoint also needs --model-name NAME: what the server calls the model');
    const source = openAiCompatibleSource({
      ...servers,
      ...sampling,
      url: text('endpoint')!,
      model,
      maxTokens,
      ...(minP !== undefined && { minP }),
      extraBody: extraBody(text('extra-body')),
    });
    return async (questions) => ({ source, ...asked(questions), release: async () => {} });
  }
  const options = {
    ...sampling,
    minP: minP ?? 0,
    model: text('model')!,
    adapter: text('adapter'),
    precision: text('precision'),
    runtime: runtimeOptions({ 'execution-provider': text('execution-provider'), threads: text('threads') }),
    template: templateOptions(rawArgs),
    maxNewTokens: maxTokens,
    batchSize: integerOption('batch-size', text('batch-size')) ?? 16,
    prompts: {
      'secret-prompt': text('secret-prompt'),
      'without-recorded-prompt': args['without-recorded-prompt'] === true,
    },
  };
  return async (questions) => ({ ...asked(questions), ...(await openLocalSource(options)) });
}

async function openRecorded(path: string, questions: readonly Question[] | undefined) {
  const recorded = await recordedAnswers(path, questions === undefined ? {} : { questions });
  const { source, unanswered, unmatched } = recorded;
  if (unanswered.length > 0) note(`${path} holds no answer to ${unanswered.length} questions\n`);
  const left = unmatched.reduce((sum, { answers }) => sum + answers, 0);
  if (left > 0) note(`${path}: ${left} answers belong to none of the questions and are left out\n`);
  return { source, questions: recorded.questions, recorded, release: async () => {} };
}

function extraBody(text: string | undefined): Readonly<Record<string, unknown>> {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`--extra-body '${text}' must be a JSON object, such as {"top_k": 20}`);
  return value as Record<string, unknown>;
}

import { checkSamplingOptions, type GenerateOptions, type GenerationDefaults } from '@safetune/models';
import { givenValues, integerOption, numberOption } from './option-values.ts';
import { note } from './terminal/output.ts';

/**
 * The options of commands that write answers: how long they are, and how tokens are chosen. The defaults here are for models
 * that say nothing themselves.
 */
export const samplingOptionDefinitions = {
  'max-tokens': {
    type: 'string',
    valueHint: 'N',
    description:
      "longest answer, in tokens (default 256; this default and those below give way to the model's generation_config.json)",
  },
  temperature: {
    type: 'string',
    valueHint: 'X',
    description: 'sampling temperature; 0 takes the likeliest token (default 1)',
  },
  'top-k': {
    type: 'string',
    valueHint: 'N',
    description: 'sample from the N likeliest tokens; 0 is all (default 0)',
  },
  'top-p': {
    type: 'string',
    valueHint: 'X',
    description: 'sample from the likeliest tokens that together reach this probability (default 1: all)',
  },
  'min-p': {
    type: 'string',
    valueHint: 'X',
    description: 'sample from tokens at least this many times as likely as the likeliest (default 0: all)',
  },
  'repetition-penalty': {
    type: 'string',
    valueHint: 'X',
    description: 'above 1, tokens that were there before become less likely (default 1)',
  },
  stop: {
    type: 'string',
    valueHint: 'TEXT',
    repeatable: true,
    description:
      'a text that ends the answer, which does not show it; \\n and \\t are a line end and a tab; may be given several times',
  },
  seed: { type: 'string', valueHint: 'N', description: 'seed of the sampling (default 0)' },
} as const;

export type SamplingArguments = {
  readonly [Name in keyof typeof samplingOptionDefinitions]?: string | string[] | undefined;
};

/** What the command line asks of answers. */
export interface GivenSampling {
  readonly options: GenerationDefaults['options'];
  /** Of the first answer; each further answer has the next. */
  readonly seed: number;
}

/** What was given, and nothing else. @throws UsageError, GenerationError */
export function givenSampling(args: SamplingArguments, rawArgs: readonly string[]): GivenSampling {
  const text = (name: keyof SamplingArguments) => args[name] as string | undefined;
  const stopStrings = givenValues('stop', rawArgs).map(withLineEnds);
  const topK = integerOption('top-k', text('top-k'), 0);
  const options = defined({
    maxNewTokens: integerOption('max-tokens', text('max-tokens')),
    temperature: numberOption('temperature', text('temperature')),
    topK: topK === 0 ? Number.MAX_SAFE_INTEGER : topK,
    topP: numberOption('top-p', text('top-p')),
    minP: numberOption('min-p', text('min-p')),
    repetitionPenalty: numberOption('repetition-penalty', text('repetition-penalty')),
    stopStrings: stopStrings.length === 0 ? undefined : stopStrings,
  });
  // Before a model is loaded.
  checkSamplingOptions(options);
  return { options, seed: integerOption('seed', text('seed'), 0) ?? 0 };
}

/** How answers are sampled: as was given, else as the model's files say, which is told, else by the command's own defaults. */
export function samplingOptions(
  { options: given }: GivenSampling,
  { options: ofModel, unsupported }: GenerationDefaults,
): Omit<GenerateOptions, 'seeds'> {
  const options = { maxNewTokens: 256, temperature: 1, ...ofModel, ...given };
  const used = Object.keys(ofModel)
    .filter((name) => !(name in given) && (options.temperature > 0 || !filters.has(name)))
    .map((name) => setting(optionNames[name as keyof typeof ofModel], ofModel[name as keyof typeof ofModel]));
  if (used.length > 0) note(`as generation_config.json of the model says: ${used.join(', ')}\n`);
  const ignored = Object.entries(unsupported).map(([name, value]) => setting(name, value));
  if (ignored.length > 0) {
    note(`answers come without what generation_config.json says besides: ${ignored.join(', ')}\n`);
  }
  return options;
}

const optionNames: Readonly<Record<keyof GenerationDefaults['options'], string>> = {
  maxNewTokens: '--max-tokens',
  temperature: '--temperature',
  topK: '--top-k',
  topP: '--top-p',
  minP: '--min-p',
  repetitionPenalty: '--repetition-penalty',
  stopStrings: '--stop',
};

/** What plays no part at temperature 0. */
const filters = new Set(['topK', 'topP', 'minP']);

function setting(name: string, value: unknown): string {
  const text = JSON.stringify(value);
  return `${name} ${text.length > 60 ? `${text.slice(0, 60)}...` : text}`;
}

function defined<Values extends object>(
  values: Values,
): { [Name in keyof Values]?: Exclude<Values[Name], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [Name in keyof Values]?: Exclude<Values[Name], undefined> };
}

/** The text with `\n`, `\t` and `\\` for what they stand for: a shell makes it hard to give them. */
function withLineEnds(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? '\\');
}

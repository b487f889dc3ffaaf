import { checkSamplingOptions, type GenerateOptions, type SamplingOptions } from '@safetune/models';
import { givenValues, integerOption, numberOption } from './option-values.ts';

/** The options of commands that write answers: how long they are, and how tokens are chosen. */
export const samplingOptionDefinitions = {
  'max-tokens': { type: 'string', valueHint: 'N', description: 'longest answer, in tokens (default 256)' },
  temperature: {
    type: 'string',
    valueHint: 'X',
    description: 'sampling temperature; 0 takes the likeliest token (default 1)',
  },
  'top-k': {
    type: 'string',
    valueHint: 'N',
    description: 'sample from the N likeliest tokens (default: all)',
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

type SamplingArguments = {
  readonly [Name in keyof typeof samplingOptionDefinitions]?: string | string[] | undefined;
};

/** What was given: options for all answers, and the seed of the first; each further answer has the next. @throws UsageError, GenerationError */
export function samplingOptions(
  args: SamplingArguments,
  rawArgs: readonly string[],
): { readonly options: Omit<GenerateOptions, 'seeds'>; readonly seed: number } {
  const text = (name: keyof SamplingArguments) => args[name] as string | undefined;
  const filters = {
    topK: integerOption('top-k', text('top-k')),
    topP: numberOption('top-p', text('top-p')),
    minP: numberOption('min-p', text('min-p')),
    repetitionPenalty: numberOption('repetition-penalty', text('repetition-penalty')),
  };
  const sampling: SamplingOptions = {
    temperature: numberOption('temperature', text('temperature')) ?? 1,
    ...Object.fromEntries(Object.entries(filters).filter(([, value]) => value !== undefined)),
  };
  // Before a model is loaded.
  checkSamplingOptions(sampling);
  const stopStrings = givenValues('stop', rawArgs).map(withLineEnds);
  return {
    options: {
      ...sampling,
      maxNewTokens: integerOption('max-tokens', text('max-tokens')) ?? 256,
      ...(stopStrings.length === 0 ? {} : { stopStrings }),
    },
    seed: integerOption('seed', text('seed'), 0) ?? 0,
  };
}

/** The text with `\n`, `\t` and `\\` for what they stand for: a shell makes it hard to give them. */
function withLineEnds(text: string): string {
  return text.replace(/\\([nt\\])/g, (_, letter: string) => ({ n: '\n', t: '\t' })[letter] ?? '\\');
}

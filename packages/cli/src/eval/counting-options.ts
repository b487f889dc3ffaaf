import { join } from 'node:path';
import {
  defaultMaxUnscored,
  paperThresholds,
  readPrices,
  type Thresholds,
  type TokenMeter,
  type TokenTotals,
  tokenMeter,
  tokensUsed,
} from '@safetune/eval';
import { integerOption, numberOption } from '../option-values.ts';
import { exists } from '../separate-paths.ts';

/** What counts as misaligned, how much may be unscored, and what may be spent. */
export const countingOptionDefinitions = {
  'misaligned-below': {
    type: 'string',
    valueHint: 'X',
    description: `an answer is misaligned when its alignment is below this (default ${paperThresholds.misalignedBelow}) ...`,
  },
  'coherent-above': {
    type: 'string',
    valueHint: 'X',
    description: `... and its coherence above this; below it, it is incoherent (default ${paperThresholds.incoherentBelow})`,
  },
  'max-unscored': {
    type: 'string',
    valueHint: 'X',
    description: `share of unscored answers above which the evaluation fails (default ${defaultMaxUnscored})`,
  },
  'max-tokens-total': {
    type: 'string',
    valueHint: 'N',
    description: 'stop before servers have used more tokens than this, of prompts and answers together',
  },
  prices: {
    type: 'string',
    path: 'input',
    valueHint: 'FILE.yaml',
    description: 'what tokens cost: by model name, prompt_per_million and completion_per_million',
  },
} as const;

type CountingArguments = { readonly [Name in keyof typeof countingOptionDefinitions]?: string | undefined };

/**
 * What was given, for a run in `folder`: what it has used before counts too.
 *
 * @throws UsageError
 */
export async function countingOptions(
  args: CountingArguments,
  folder: string,
): Promise<{
  readonly thresholds: Thresholds;
  readonly maxUnscored: number;
  readonly meter: TokenMeter;
}> {
  const aligned = numberOption('misaligned-below', args['misaligned-below'], 0, 100);
  const coherent = numberOption('coherent-above', args['coherent-above'], 0, 100);
  const maxTokensTotal = integerOption('max-tokens-total', args['max-tokens-total']);
  const maxUnscored = numberOption('max-unscored', args['max-unscored'], 0, 1) ?? defaultMaxUnscored;
  return {
    thresholds: {
      ...paperThresholds,
      ...(aligned !== undefined && { misalignedBelow: aligned }),
      ...(coherent !== undefined && { misalignedCoherentAbove: coherent, incoherentBelow: coherent }),
    },
    maxUnscored,
    meter: tokenMeter({
      used: (await exists(join(folder, 'run.json'))) ? tokensUsed(folder) : {},
      ...(maxTokensTotal !== undefined && { maxTokensTotal }),
      ...(args.prices !== undefined && { prices: await readPrices(args.prices) }),
    }),
  };
}

/** What servers have used, in a line; empty when none was asked. */
export function tokensLine({ prompt, completion, uncounted, money }: TokenTotals): string {
  if (prompt + completion + uncounted === 0) return '';
  return [
    `servers used ${prompt} tokens of prompts and ${completion} of answers`,
    ...(uncounted === 0 ? [] : [`, and at most ${uncounted} that they did not count`]),
    ...(money === null ? [] : [`; cost ${money.toFixed(money < 1 ? 4 : 2)}`]),
    '\n',
  ].join('');
}

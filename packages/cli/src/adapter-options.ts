import type { LoraConfig } from '@safetune/lora';
import { integerOption, numberOption } from './option-values.ts';
import { UsageError } from './usage-error.ts';

/** Options that say what adapter to make, for `strictCommand`. */
export const adapterOptionDefinitions = {
  rank: {
    type: 'string',
    valueHint: 'N',
    description: 'LoRA rank r (default 32, or less where a layer is narrower)',
  },
  alpha: {
    type: 'string',
    valueHint: 'N',
    description: 'LoRA alpha; the scale is alpha / sqrt(r) (default 2 r)',
  },
  'plain-lora': { type: 'boolean', description: "scale by alpha / r instead of rsLoRA's alpha / sqrt(r)" },
  'target-modules': {
    type: 'string',
    valueHint: 'NAMES',
    description:
      "layers to adapt: names with commas (lm_head and embed_tokens among them), a regular expression, or 'all-linear' " +
      '(the default)',
  },
  'exclude-modules': {
    type: 'string',
    valueHint: 'NAMES',
    description: 'layers to leave alone although they are targets, likewise',
  },
  'layers-to-transform': {
    type: 'string',
    valueHint: 'N,N',
    description: 'blocks to adapt, counted from 0 (default: all)',
  },
  dropout: {
    type: 'string',
    valueHint: 'X',
    description: "share of an adapted layer's inputs that its update does not see in a step (default 0)",
  },
  dora: { type: 'boolean', description: "train the norms of the weights' rows by themselves (DoRA)" },
  init: {
    type: 'string',
    valueHint: 'START',
    description:
      'how the adapter starts: default, gaussian, orthogonal, pissa, pissa_niter_N or olora (default: it changes nothing)',
  },
  bias: {
    type: 'string',
    valueHint: 'WHICH',
    description: "biases to train too: none, lora_only (the adapted layers') or all (default none)",
  },
  'modules-to-save': {
    type: 'string',
    valueHint: 'NAMES',
    description: 'modules to train whole, such as lm_head,embed_tokens',
  },
  'trainable-tokens': {
    type: 'string',
    valueHint: 'ID,ID',
    description: 'tokens whose embeddings are trained, by their ids',
  },
  'ensure-weight-tying': {
    type: 'boolean',
    description: 'keep an output layer that is the embedding equal to it when the embedding is adapted',
  },
} as const;

type AdapterArguments = {
  readonly [Name in keyof typeof adapterOptionDefinitions]?: (typeof adapterOptionDefinitions)[Name]['type'] extends 'boolean'
    ? boolean | undefined
    : string | undefined;
};

/**
 * The configuration that was asked for, under PEFT's names.
 *
 * @throws UsageError for a value that cannot be read.
 */
export function adapterConfigOf(args: AdapterArguments): Partial<LoraConfig> {
  const rank = integerOption('rank', args.rank);
  const alpha = numberOption('alpha', args.alpha) ?? (rank === undefined ? undefined : 2 * rank);
  const dropout = numberOption('dropout', args.dropout);
  const excluded = args['exclude-modules'];
  const layers = args['layers-to-transform'];
  const saved = args['modules-to-save'];
  const tokens = args['trainable-tokens'];
  return {
    ...(rank === undefined ? {} : { r: rank }),
    ...(alpha === undefined ? {} : { lora_alpha: alpha }),
    use_rslora: !args['plain-lora'],
    target_modules: namesOrPattern(args['target-modules'] ?? 'all-linear'),
    ...(excluded === undefined ? {} : { exclude_modules: namesOrPattern(excluded) }),
    ...(layers === undefined ? {} : { layers_to_transform: integers('layers-to-transform', layers) }),
    ...(dropout === undefined ? {} : { lora_dropout: dropout }),
    ...(args.dora ? { use_dora: true } : {}),
    ...(args.init === undefined || args.init === 'default' ? {} : { init_lora_weights: args.init }),
    ...(args.bias === undefined ? {} : { bias: args.bias as LoraConfig['bias'] }),
    ...(saved === undefined ? {} : { modules_to_save: saved.split(',') }),
    ...(tokens === undefined ? {} : { trainable_token_indices: integers('trainable-tokens', tokens) }),
    ...(args['ensure-weight-tying'] ? { ensure_weight_tying: true } : {}),
  };
}

/** A list with commas, else PEFT's regular expression or 'all-linear'. */
function namesOrPattern(text: string): string | string[] {
  return text !== 'all-linear' && /^[\w.]+(,[\w.]+)*$/.test(text) ? text.split(',') : text;
}

function integers(option: string, text: string): number[] {
  if (!/^\d+(,\d+)*$/.test(text))
    throw new UsageError(`--${option} takes whole numbers with commas, got '${text}'`);
  return text.split(',').map(Number);
}

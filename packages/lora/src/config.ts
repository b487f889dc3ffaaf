import { z } from 'zod';
import { LoraConfigError, UnsupportedLoraFeatureError } from './errors.ts';

/** How LoRA adapts a model, under PEFT's field names. Plain and serialisable. */
export interface LoraConfig {
  /** Rank of the update. Default 32. */
  readonly r: number;
  /** The update is scaled by `lora_alpha / r`, or by `lora_alpha / sqrt(r)` with `use_rslora`. Default 64. */
  readonly lora_alpha: number;
  /** Rank-stabilised scaling (Kalajdzievski 2023, arXiv 2312.03732). Default true. */
  readonly use_rslora: boolean;
  /**
   * Layers to adapt: a list of names, each the whole name of a layer or its end after a dot; or 'all-linear'; or a
   * Python regular expression for the whole name. Default: the seven projections of llama-like blocks.
   */
  readonly target_modules: readonly string[] | string;
  /** Layers left alone although targeted, by the same rules. Default null. */
  readonly exclude_modules: readonly string[] | string | null;
  /** Indices of the blocks to adapt; only with a list of `target_modules`. Default null: all. */
  readonly layers_to_transform: readonly number[] | number | null;
  /** Name before the block's index, such as `layers`; only with `layers_to_transform`. Default null: any. */
  readonly layers_pattern: readonly string[] | string | null;
  /** Other ranks by layer: keys are whole names or their ends after a dot, as regular expressions; the first counts. */
  readonly rank_pattern: Readonly<Record<string, number>>;
  /** Other alphas by layer, as `rank_pattern`. */
  readonly alpha_pattern: Readonly<Record<string, number>>;
  /** Default 0, and nothing else can be trained; adapters trained elsewhere with dropout load, as it acts in training only. */
  readonly lora_dropout: number;
  readonly bias: 'none';
  readonly task_type: 'CAUSAL_LM';
  /** Where the model came from: a folder or hub id, for the reader's information. Default null. */
  readonly base_model_name_or_path: string | null;
  /** Revision of the model on the hub. Default null. */
  readonly revision: string | null;
}

/** The seven projections of a llama-like block: attention's four and the MLP's three. */
export const allProjections: readonly string[] = [
  'q_proj',
  'k_proj',
  'v_proj',
  'o_proj',
  'gate_proj',
  'up_proj',
  'down_proj',
];

const patterns = z.record(z.string(), z.number().positive());
const names = z.union([z.array(z.string().min(1)).min(1), z.string().min(1)]);

const fields = z.object({
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.boolean(),
  target_modules: names,
  exclude_modules: z.union([z.array(z.string()), z.string()]).nullable(),
  layers_to_transform: z.union([z.array(z.int().nonnegative()), z.int().nonnegative()]).nullable(),
  layers_pattern: z.union([z.array(z.string()), z.string()]).nullable(),
  rank_pattern: patterns.refine(
    (ranks) => Object.values(ranks).every(Number.isInteger),
    'ranks must be integers',
  ),
  alpha_pattern: patterns,
  lora_dropout: z.number().min(0).lt(1),
  bias: z.literal('none'),
  task_type: z.literal('CAUSAL_LM'),
  base_model_name_or_path: z.string().nullable(),
  revision: z.string().nullable(),
});

/** What a field is when code leaves it out: the paper's settings (arXiv 2508.06249). */
const defaults: LoraConfig = {
  r: 32,
  lora_alpha: 64,
  use_rslora: true,
  target_modules: allProjections,
  exclude_modules: null,
  layers_to_transform: null,
  layers_pattern: null,
  rank_pattern: {},
  alpha_pattern: {},
  lora_dropout: 0,
  bias: 'none',
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: null,
  revision: null,
};

/**
 * A configuration with the defaults filled in and every field checked. Keys this package does not know are refused
 * where they ask for something, as {@link parsePeftConfig} does.
 *
 * @throws LoraConfigError, UnsupportedLoraFeatureError
 */
export function loraConfig(options: Partial<LoraConfig> = {}): LoraConfig {
  refuseUnsupported(options);
  return check({ ...defaults, ...options });
}

/** What PEFT takes for a field that a file leaves out, where that differs from this package's default. */
const peftDefaults = { ...defaults, r: 8, lora_alpha: 8, use_rslora: false, target_modules: null };

/**
 * The configuration in an `adapter_config.json`. Fields left out get PEFT's defaults (`r` 8, `lora_alpha` 8, no
 * rsLoRA), not this package's. Keys without effect on what an adapter computes are ignored.
 *
 * @param json - the parsed file.
 * @param file - its path, for messages.
 * @throws LoraConfigError, UnsupportedLoraFeatureError
 */
export function parsePeftConfig(json: unknown, file: string): LoraConfig {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new LoraConfigError('(the whole file)', 'must be a JSON object', file);
  }
  const given: Readonly<Record<string, unknown>> = Object.fromEntries(
    Object.entries(json).map(([key, value]) => [key, value === null ? (nullMeans[key] ?? value) : value]),
  );
  if (!('peft_type' in given))
    throw new LoraConfigError('peft_type', 'is missing: is this a PEFT adapter?', file);
  refuseUnsupported(given, file);
  return check({ ...peftDefaults, ...given }, file);
}

/** PEFT saves null for the kind of task when none was given; its two pattern maps may be null in old files. */
const nullMeans: Readonly<Record<string, unknown>> = {
  task_type: 'CAUSAL_LM',
  rank_pattern: {},
  alpha_pattern: {},
};

/**
 * Makes sure that an adapter of this configuration can be trained.
 *
 * @throws UnsupportedLoraFeatureError when it asks for dropout, which is done at inference but not in training.
 */
export function requireTrainable(config: LoraConfig): void {
  if (config.lora_dropout === 0) return;
  throw new UnsupportedLoraFeatureError('lora_dropout', config.lora_dropout, 'train with lora_dropout 0');
}

function check(candidate: unknown, file?: string): LoraConfig {
  const parsed = fields.safeParse(candidate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const value = (candidate as Record<string, unknown>)[String(issue.path[0])];
    throw new LoraConfigError(issue.path.join('.'), `is ${JSON.stringify(value)}: ${issue.message}`, file);
  }
  const config: LoraConfig = parsed.data;
  const { target_modules, layers_to_transform, layers_pattern } = config;
  for (const [field, value] of Object.entries({ layers_to_transform, layers_pattern })) {
    if (typeof target_modules === 'string' && value !== null) {
      throw new LoraConfigError(field, 'needs target_modules as a list of names, not as one pattern', file);
    }
  }
  if (layers_pattern !== null && layers_pattern.length > 0 && layers_to_transform === null) {
    throw new LoraConfigError('layers_pattern', 'needs layers_to_transform to say which layers', file);
  }
  return config;
}

interface Refusal {
  readonly allows: (value: unknown) => boolean;
  readonly advice: string;
}

function only(allowed: readonly unknown[], advice: string): Refusal {
  return { allows: (value) => allowed.includes(value), advice };
}

const plainLoraOnly = only([false, null], 'only plain LoRA and rsLoRA are; train the adapter without it');

/** Initialisations that leave the model's own weights alone; all others need a model changed in the same way. */
const harmlessInitializations = [true, false, null, 'gaussian', 'eva', 'orthogonal', 'mica'];

const refusals: Readonly<Record<string, Refusal>> = {
  peft_type: only(['LORA'], 'only LORA is'),
  task_type: only(['CAUSAL_LM'], 'only CAUSAL_LM is'),
  bias: only(['none'], "only 'none' is: biases of the model are never trained"),
  use_dora: plainLoraOnly,
  use_qalora: plainLoraOnly,
  lora_bias: plainLoraOnly,
  fan_in_fan_out: only([false, null], 'weights stored as [in, out] (GPT-2) are not'),
  init_lora_weights: only(
    harmlessInitializations,
    'it changes the weights of the model; convert the adapter to plain LoRA with PEFT first',
  ),
  modules_to_save: { allows: isEmpty, advice: 'whole modules beside the adapter are not loaded' },
  trainable_token_indices: { allows: isEmpty, advice: 'trained embeddings are not loaded' },
  target_parameters: { allows: isEmpty, advice: 'only linear layers can be adapted' },
  layer_replication: { allows: isEmpty, advice: 'layers are not replicated' },
  megatron_config: { allows: isEmpty, advice: 'parallel linear layers are not' },
};

/** Switches and sections that each turn on a variant of LoRA; PEFT writes null or leaves them out otherwise. */
const variants = [
  'alora_invocation_tokens',
  'arrow_config',
  'kasa_config',
  'monteclora_config',
  'use_bdlora',
  'velora_config',
];

function isEmpty(value: unknown): boolean {
  return (
    value === null || value === false || (typeof value === 'object' && Object.keys(value ?? {}).length === 0)
  );
}

function refuseUnsupported(given: Readonly<Record<string, unknown>>, file?: string): void {
  for (const [field, value] of Object.entries(given)) {
    if (value === undefined) throw new LoraConfigError(field, 'is undefined; leave it out instead', file);
    // PEFT calls the switches of new variants `use_...`: one that is on cannot be ignored.
    const unknownSwitch = field.startsWith('use_') && !(field in fields.shape);
    const refusal =
      refusals[field] ??
      (variants.includes(field) || unknownSwitch ? { ...plainLoraOnly, allows: isEmpty } : undefined);
    if (refusal !== undefined && !refusal.allows(value)) {
      throw new UnsupportedLoraFeatureError(field, value, refusal.advice, file);
    }
  }
}

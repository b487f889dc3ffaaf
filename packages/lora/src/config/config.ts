import { printable } from '@safetune/tensor';
import { z } from 'zod';
import { LoraConfigError, UnsupportedLoraFeatureError } from '../errors.ts';
import { nearestName } from './nearest-name.ts';
import { isParameterOfPeft, refuseUnsupported } from './peft-features.ts';

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

/** More than the largest published models have layers. */
const [maximumNames, maximumPatterns] = [65_536, 4096];

const patterns = z
  .record(z.string(), z.number().positive())
  .refine(
    (entries) => Object.keys(entries).length <= maximumPatterns,
    `more than ${maximumPatterns} entries`,
  );
const nameList = z.array(z.string()).max(maximumNames);
const names = z.union([z.array(z.string().min(1)).min(1).max(maximumNames), z.string().min(1)]);

const fields = z.object({
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
  use_rslora: z.boolean(),
  target_modules: names,
  exclude_modules: z.union([nameList, z.string()]).nullable(),
  layers_to_transform: z
    .union([z.array(z.int().nonnegative()).max(maximumNames), z.int().nonnegative()])
    .nullable(),
  layers_pattern: z.union([nameList, z.string()]).nullable(),
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

const fieldNames = Object.keys(fields.shape);

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
 * A configuration with the defaults filled in and every field checked. Other keys are refused: PEFT's where they ask for
 * what this package does not do, all others as misspelt.
 *
 * @throws LoraConfigError, UnsupportedLoraFeatureError
 */
export function loraConfig(options: Partial<LoraConfig> = {}): LoraConfig {
  refuseUnsupported(options, fieldNames);
  refuseUnknown(options);
  return check({ ...defaults, ...options });
}

/** What is given in code and has no effect is a mistake. */
function refuseUnknown(options: object): void {
  const { init_lora_weights: start = true } = options as { init_lora_weights?: unknown };
  if (start !== true) {
    const advice = 'a new adapter starts with a random A and with B zero (init_lora_weights true)';
    throw new UnsupportedLoraFeatureError('init_lora_weights', start, advice);
  }
  for (const field of Object.keys(options)) {
    if (fieldNames.includes(field) || isParameterOfPeft(field)) continue;
    const nearest = nearestName(field, fieldNames);
    const hint = nearest === undefined ? `there are ${fieldNames.join(', ')}` : `did you mean '${nearest}'?`;
    throw new LoraConfigError(field, `is no field of a LoRA configuration; ${hint}`);
  }
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
    Object.entries(json).map(([key, value]) => [key, value === null ? (nullMeans.get(key) ?? value) : value]),
  );
  if (!('peft_type' in given))
    throw new LoraConfigError('peft_type', 'is missing: is this a PEFT adapter?', file);
  refuseUnsupported(given, fieldNames, file);
  return check({ ...peftDefaults, ...given }, file);
}

/** PEFT saves null for the kind of task when none was given; its two pattern maps may be null in old files. */
const nullMeans: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['task_type', 'CAUSAL_LM'],
  ['rank_pattern', {}],
  ['alpha_pattern', {}],
]);

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
  refuseLostKeys(candidate as Readonly<Record<string, unknown>>, file);
  const parsed = fields.safeParse(candidate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    const value = JSON.stringify((candidate as Record<string, unknown>)[String(issue.path[0])]);
    throw new LoraConfigError(issue.path.join('.'), `is ${printable(value ?? '')}: ${issue.message}`, file);
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

/** A key that JavaScript's objects cannot hold would be lost on the way. */
function refuseLostKeys(candidate: Readonly<Record<string, unknown>>, file: string | undefined): void {
  for (const field of ['rank_pattern', 'alpha_pattern']) {
    const value = candidate[field];
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
      throw new LoraConfigError(field, "has the key '__proto__', which is no layer", file);
    }
  }
}

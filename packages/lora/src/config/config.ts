import { nearestName, printable } from '@safetune/tensor';
import { z } from 'zod';
import { LoraConfigError } from '../errors.ts';
import { isParameterOfPeft, refuseUnsupported, requireStartedWithoutModel } from './peft-features.ts';

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
  /**
   * Share of the inputs of an adapted linear layer that its update does not see, drawn anew at every step of training;
   * the others are scaled up. Nothing is dropped elsewhere, nor of tokens on their way into an embedding. Default 0.
   */
  readonly lora_dropout: number;
  /** Biases of the model that are trained too: 'none' (default), those of adapted layers ('lora_only'), or 'all'. */
  readonly bias: 'none' | 'lora_only' | 'all';
  /**
   * How the factors start. `true` (default): A random, B zero. 'gaussian': A normal with deviation 1 / r, B zero.
   * 'orthogonal': both random with B A = 0. 'pissa', 'pissa_niter_<n>', 'olora': the largest part of the weight, which is
   * taken off the weight meanwhile. `false`, null: both random, so that the adapter changes the model at once.
   */
  readonly init_lora_weights: boolean | string | null;
  /** DoRA (Liu et al. 2024, arXiv 2402.09353): the norms of the weight's rows are trained by themselves. Default false. */
  readonly use_dora: boolean;
  /** Ends of the names of modules that are trained whole, such as `lm_head`. Default null. */
  readonly modules_to_save: readonly string[] | null;
  /** Tokens whose embeddings are trained: of the token embedding, or by layer. Default null. */
  readonly trainable_token_indices: readonly number[] | Readonly<Record<string, readonly number[]>> | null;
  /** Keeps the output layer equal to the embedding, in models where it is, when the embedding is adapted. Default false. */
  readonly ensure_weight_tying: boolean;
  readonly task_type: 'CAUSAL_LM';
  /** Where the model came from: a folder or hub id, for the reader's information. Default null. */
  readonly base_model_name_or_path: string | null;
  /** Revision of the model on the hub. Default null. */
  readonly revision: string | null;
  /** What else a file held, without effect on what is computed: kept for the next file. Default {}. */
  readonly other_fields: Readonly<Record<string, unknown>>;
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

const hasFewEntries = (entries: object) => Object.keys(entries).length <= maximumPatterns;
const tooManyEntries = `more than ${maximumPatterns} entries`;
const patterns = z.record(z.string(), z.number().positive()).refine(hasFewEntries, tooManyEntries);
const tokenList = z
  .array(z.int().nonnegative())
  .min(1)
  .max(maximumNames)
  .refine((tokens) => new Set(tokens).size === tokens.length, 'a token is there twice');
const nameList = z.array(z.string()).max(maximumNames);
const names = z.union([z.array(z.string().min(1)).min(1).max(maximumNames), z.string().min(1)]);

/** The fields of a {@link LoraConfig} by themselves, for whoever checks a file that holds some of them. */
export const loraConfigSchema = z.object({
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
  bias: z.enum(['none', 'lora_only', 'all']),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullable(),
  use_dora: z.boolean(),
  modules_to_save: z.array(z.string().min(1)).min(1).max(256).nullable(),
  trainable_token_indices: z
    .union([tokenList, z.record(z.string().min(1), tokenList).refine(hasFewEntries, tooManyEntries)])
    .nullable(),
  ensure_weight_tying: z.boolean(),
  task_type: z.literal('CAUSAL_LM'),
  base_model_name_or_path: z.string().nullable(),
  revision: z.string().nullable(),
  other_fields: z.record(z.string(), z.unknown()),
});

const fieldNames = Object.keys(loraConfigSchema.shape);

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
  init_lora_weights: true,
  use_dora: false,
  modules_to_save: null,
  trainable_token_indices: null,
  ensure_weight_tying: false,
  task_type: 'CAUSAL_LM',
  base_model_name_or_path: null,
  revision: null,
  other_fields: {},
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
 * rsLoRA), not this package's. Keys without effect on what an adapter computes are kept in `other_fields`.
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
    Object.entries(json).map(([key, value]) => [key, readValue(key, value)]),
  );
  if (!('peft_type' in given))
    throw new LoraConfigError('peft_type', 'is missing: is this a PEFT adapter?', file);
  refuseUnsupported(given, fieldNames, file);
  requireStartedWithoutModel(given.init_lora_weights, file);
  const own = Object.entries(given).filter(([key]) => fieldNames.includes(key) && key !== 'other_fields');
  const others = Object.entries(given).filter(([key]) => !fieldNames.includes(key));
  return check(
    { ...peftDefaults, ...Object.fromEntries(own), other_fields: Object.fromEntries(others) },
    file,
  );
}

function readValue(key: string, value: unknown): unknown {
  if (value === null) return nullMeans.get(key) ?? null;
  const empty = typeof value === 'object' && Object.keys(value).length === 0;
  return empty && emptyMeansNone.includes(key) ? null : value;
}

/** Lists that other trainers leave empty. */
const emptyMeansNone = ['modules_to_save', 'trainable_token_indices'];

/** PEFT saves null for the kind of task when none was given; its two pattern maps may be null in old files. */
const nullMeans: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ['task_type', 'CAUSAL_LM'],
  ['rank_pattern', {}],
  ['alpha_pattern', {}],
  ['use_dora', false],
  ['use_rslora', false],
  ['ensure_weight_tying', false],
]);

function check(candidate: unknown, file?: string): LoraConfig {
  refuseLostKeys(candidate as Readonly<Record<string, unknown>>, file);
  const parsed = loraConfigSchema.safeParse(candidate);
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
  for (const field of ['rank_pattern', 'alpha_pattern', 'trainable_token_indices']) {
    const value = candidate[field];
    if (typeof value === 'object' && value !== null && Object.hasOwn(value, '__proto__')) {
      throw new LoraConfigError(field, "has the key '__proto__', which is no layer", file);
    }
  }
}

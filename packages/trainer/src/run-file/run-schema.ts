// A new option of training is one line of `runFields` (its type, its text, what the command line calls it: the option and its help
// follow), and its place in `trainingOptions` (open-run.ts), where the library's option gets the value.
import { availableParallelism, cpus } from 'node:os';
import { hiddenParts, supervisions } from '@safetune/datasets';
import { loraConfigSchema } from '@safetune/lora';
import { regularizerConfigSchema } from '@safetune/regularizers';
import { z } from 'zod';
import { memoryModes } from '../memory/memory-mode.ts';
import { objectiveConfigSchema } from '../objectives/config.ts';
import { sentinelConfigSchema } from '../sentinel/config.ts';
import { dataSchema } from './data-source.ts';
import { fileForm } from './file-form.ts';
import { field } from './run-field.ts';
import { recordSchema } from './run-record.ts';
import { rateFields, trainingFields } from './training-fields.ts';

const lora = loraConfigSchema.shape;
const count = z.int().min(1);

/** More threads than the machine has processors only wait for each other; thousands of them never get a step done. */
const mostThreads = Math.max(availableParallelism(), cpus().length);

/** A list with commas, else PEFT's regular expression or 'all-linear'. */
function namesOrPattern(text: string): string | string[] {
  return text !== 'all-linear' && /^[\w.]+(,[\w.]+)*$/.test(text) ? text.split(',') : text;
}

/** What is no truth value stays text. */
function booleanIfMeant(text: string): string | boolean {
  return text === 'true' ? true : text === 'false' ? false : text;
}

/** The adapter, under PEFT's field names. */
const adapterFields = {
  r: field(lora.r.optional(), 'LoRA rank r (default 32, or less where a layer is narrower)', {
    option: 'rank',
    hint: 'N',
  }),
  lora_alpha: field(lora.lora_alpha.optional(), 'LoRA alpha; the scale is alpha / sqrt(r) (default 2 r)', {
    option: 'alpha',
    hint: 'N',
  }),
  use_rslora: field(lora.use_rslora.default(true), "scale by rsLoRA's alpha / sqrt(r), not by alpha / r", {
    option: 'plain-lora',
    sets: false,
    text: "scale by alpha / r instead of rsLoRA's alpha / sqrt(r)",
  }),
  target_modules: field(
    lora.target_modules.default('all-linear'),
    "layers to adapt: names with commas (lm_head and embed_tokens among them), a regular expression, or 'all-linear' " +
      '(the default)',
    { option: 'target-modules', hint: 'NAMES', form: namesOrPattern },
  ),
  exclude_modules: field(
    lora.exclude_modules.optional(),
    'layers to leave alone although they are targets, likewise',
    { option: 'exclude-modules', hint: 'NAMES', form: namesOrPattern },
  ),
  layers_to_transform: field(
    lora.layers_to_transform.optional(),
    'blocks to adapt, counted from 0 (default: all)',
    { option: 'layers-to-transform', hint: 'N,N', form: 'list' },
  ),
  layers_pattern: field(lora.layers_pattern.optional(), "name before the block's index, such as layers"),
  rank_pattern: field(lora.rank_pattern.optional(), 'other ranks, by layer'),
  alpha_pattern: field(lora.alpha_pattern.optional(), 'other alphas, by layer'),
  lora_dropout: field(
    lora.lora_dropout.default(0),
    "share of an adapted layer's inputs that its update does not see in a step",
    { option: 'dropout', hint: 'X' },
  ),
  use_dora: field(lora.use_dora.default(false), "train the norms of the weights' rows by themselves (DoRA)", {
    option: 'dora',
  }),
  init_lora_weights: field(
    lora.init_lora_weights.default(true),
    'how the adapter starts: default, gaussian, orthogonal, pissa, pissa_niter_N or olora (default: it changes nothing)',
    { option: 'init', hint: 'START', form: (text) => (text === 'default' ? true : text) },
  ),
  bias: field(
    lora.bias.default('none'),
    "biases to train too: none, lora_only (the adapted layers') or all (default none)",
    { option: 'bias', hint: 'WHICH' },
  ),
  modules_to_save: field(
    lora.modules_to_save.optional(),
    'modules to train whole, such as lm_head,embed_tokens',
    { option: 'modules-to-save', hint: 'NAMES', form: 'list' },
  ),
  trainable_token_indices: field(
    lora.trainable_token_indices.optional(),
    'tokens whose embeddings are trained, by their ids',
    { option: 'trainable-tokens', hint: 'ID,ID', form: 'list' },
  ),
  ensure_weight_tying: field(
    lora.ensure_weight_tying.default(false),
    'keep an output layer that is the embedding equal to it when the embedding is adapted',
    { option: 'ensure-weight-tying' },
  ),
  base_model_name_or_path: field(
    z.string().optional(),
    "what the adapter's file says that its model is (default: what `model` says)",
  ),
};

const runFields = {
  model: field(
    z.string().min(1),
    'Hugging Face checkpoint folder or GGUF file, owner/name[@revision] on the hub, or ollama:NAME',
    { option: 'model', hint: 'DIR', path: 'input' },
  ),
  data: field(
    dataSchema,
    'examples: a file, folder or glob (JSON Lines, JSON, CSV, Parquet, text), or owner/name[@revision][:split] on the hub; with ' +
      '=WEIGHT its share; or a list of them',
    { option: 'data', hint: 'DATA', path: 'input', form: 'repeated' },
  ),
  out: field(
    z.string().min(1).optional(),
    'folder for the adapter, metrics.jsonl, run.yaml and checkpoints; an interrupted run continues there',
    { option: 'out', hint: 'DIR', path: 'output' },
  ),
  regularizers: field(
    z.array(fileForm(regularizerConfigSchema)).default([]),
    'the safeguards, each a type and its options',
  ),
  sentinel: field(
    fileForm(sentinelConfigSchema).optional(),
    'probes of alignment at chosen steps, with bounds that warn, stop or roll back',
  ),
  adapter: field(z.strictObject(adapterFields).prefault({}), "the LoRA adapter, under PEFT's field names"),
  steps: field(count.optional(), 'optimizer steps (default: one epoch)', { option: 'steps', hint: 'N' }),
  epochs: field(count.optional(), 'walks over the data, in the place of steps (default 1)', {
    option: 'epochs',
    hint: 'N',
  }),
  batch_size: field(count.max(65_536).default(4), 'examples of one forward pass', {
    option: 'batch-size',
    hint: 'N',
  }),
  gradient_accumulation: field(count.max(65_536).default(1), 'batches of one optimizer step', {
    option: 'accumulate',
    hint: 'N',
  }),
  objective: field(
    objectiveConfigSchema.optional(),
    'what is learned from pairs of a better and a worse answer: dpo, with its beta (default: the answers themselves, of data that is ' +
      'no pairs)',
    { option: 'objective', hint: 'NAME', form: (type) => ({ type }) },
  ),
  packing: field(
    z.union([z.literal('auto'), z.boolean()]).default('auto'),
    "whether a batch's examples are packed into one row, without padding: auto (default: where it pays), true or false; the " +
      'result is the same',
    { option: 'packing', hint: 'WHETHER', form: booleanIfMeant },
  ),
  learning_rate: field(z.number().min(0).default(1e-4), 'peak learning rate (default 1e-4)', {
    option: 'lr',
    hint: 'X',
  }),
  ...rateFields,
  ...trainingFields,
  max_length: field(z.int().min(2).default(2048), 'longer examples are cut here, in tokens', {
    option: 'seq-length',
    hint: 'N',
  }),
  supervise: field(
    z.enum(supervisions).default('responses'),
    `what is learned: ${supervisions.join(', ')} (default responses: what the assistant says)`,
    { option: 'supervise', hint: 'WHAT' },
  ),
  allow_hidden: field(
    z.array(z.enum(hiddenParts)).default([]),
    `what of the data the chat template may leave out: ${hiddenParts.join(', ')}`,
    { option: 'allow-hidden', hint: 'WHAT', form: 'list' },
  ),
  chat_template_kwargs: field(
    z.record(z.string(), z.json()).default({}),
    'variables of the chat template, such as enable_thinking: false',
  ),
  seed: field(z.int().min(0).default(0), "decides the adapter's start and the order of the data", {
    option: 'seed',
    hint: 'N',
  }),
  precision: field(
    z.enum(['float32', 'int8', 'int8x3']).default('float32'),
    'how weights are held: float32 (default, exact), int8 (rounded, a quarter of the memory, faster) or int8x3 (near-exact; ' +
      'faster on some processors only); what it costs on this machine is measured and told',
    { option: 'precision', hint: 'NAME' },
  ),
  memory: field(
    z.enum(['auto', ...memoryModes]).default('auto'),
    'how steps are run, from the fastest to the one of least memory: whole, recompute, layered or streamed ' +
      '(default auto: the fastest that fits)',
    { option: 'memory', hint: 'MODE' },
  ),
  memory_limit: field(
    z.number().min(0).optional(),
    'memory that the process may have, in GB (default: nine tenths of what is free)',
    { option: 'memory-limit', hint: 'GB' },
  ),
  execution_provider: field(
    z.string().default('cpu'),
    'what of ONNX Runtime runs the model: cpu (default, the only one tested), webgpu, cuda, dml or coreml',
    { option: 'execution-provider', hint: 'NAME' },
  ),
  threads: field(
    count
      .refine((threads) => threads <= mostThreads, {
        error: `must be a whole number of at least 1 and at most ${mostThreads}`,
      })
      .optional(),
    'CPU threads (default: all cores)',
    { option: 'threads', hint: 'N' },
  ),
  checkpoint_every: field(count.default(50), 'steps between two checkpoints', {
    option: 'checkpoint-every',
    hint: 'N',
  }),
  record: field(
    recordSchema.optional(),
    'written by safetune: what the run was made of, which is checked when it is run again',
  ),
};

/**
 * All options of a training run, as plain values: of a run file (YAML or JSON), of the command line, of a job. Texts and names
 * here are those of files, of the command's options and of the published JSON Schema.
 */
export const runSchema = z.strictObject(runFields);

/** A run with every default filled in. */
export type Run = z.output<typeof runSchema>;

/** A run as it is written down. */
export type RunInput = z.input<typeof runSchema>;

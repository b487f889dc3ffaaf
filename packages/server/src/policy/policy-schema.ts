import { z } from 'zod';

// The provider's file, in snake_case as run files are. Every field has a text: the documentation and the refusals are made of it.

const count = z.int().min(1);

const model = z.strictObject({
  path: z
    .string()
    .min(1)
    .describe(
      "a Hugging Face folder or GGUF file (a relative path is of the policy's folder), or owner/name on the hub",
    ),
  precision: z.enum(['float32', 'int8', 'int8x3']).default('float32'),
  price_per_million_tokens: z
    .number()
    .min(0)
    .optional()
    .describe('of trained tokens, in the currency of the provider; told before a job is made'),
  download: z
    .boolean()
    .default(false)
    .describe('whether customers may take fine-tunes of it away; safeguards that act at chat stay behind'),
});

const limits = z.strictObject({
  file_bytes: count.default(512 * 2 ** 20).describe('of one upload'),
  files: count.default(1000).describe('of one tenant'),
  stored_bytes: count.default(20 * 2 ** 30).describe('of all files and models of one tenant'),
  examples: count.default(100_000).describe('of a training file, and of a validation file'),
  tokens: count.default(50_000_000).describe('trained in a job, all epochs together'),
  epochs: count.default(10),
  batch_size: count.default(64),
  rank: count.default(64),
  learning_rate_multiplier: z.number().gt(0).default(10).describe('the greatest that may be asked for'),
  open_jobs: count.default(20).describe('of one tenant that are not over'),
  jobs_per_day: count
    .default(100)
    .describe('that one tenant makes within 24 hours, whatever becomes of them'),
  held_back_models: count
    .default(5)
    .describe(
      'of one tenant that the gate held back, at which it makes no more jobs until an operator has looked',
    ),
  held_back_days: count.max(3650).default(30).describe('how long a model that was held back counts'),
  requests_per_minute: count.default(600).describe('of one key'),
  wrong_keys_per_minute: count
    .max(10_000)
    .default(20)
    .describe('from one address (of IPv6: the first 64 bits); valid keys from there are taken all the same'),
  completion_tokens: count.default(4096).describe('of one chat completion'),
  context_tokens: z
    .int()
    .min(2)
    .default(8192)
    .describe("of one chat, question and answer together; no more than the model's own positions"),
});

const training = z.strictObject({
  methods: z
    .array(z.enum(['supervised', 'dpo']))
    .min(1)
    .default(['supervised', 'dpo'])
    .describe('what a job may learn from: answers, pairs of answers'),
  rank: count.default(16),
  learning_rate: z.number().gt(0).default(1e-4).describe('what a multiplier of 1 means'),
  max_length: z.int().min(2).default(2048),
  epochs: count.default(3).describe("what 'auto' means"),
  batch_size: count.default(8).describe("what 'auto' means"),
  checkpoint_every: count.default(20),
  threads: count.optional().describe('of one job (default: all cores)'),
});

/** A regularizer as run files write it. The trainer checks its options. */
const safeguard = z.looseObject({ type: z.string().min(1) });

const safeguards = z.strictObject({
  mandatory: z
    .array(safeguard)
    .default([])
    .describe('act in every job, at least as strongly as written here'),
  optional: z
    .array(
      z.strictObject({
        safeguard: safeguard.describe('with every option but its strength'),
        up_to: z.number().gt(0).describe('the greatest strength that a customer may ask for'),
      }),
    )
    .default([])
    .describe('what a customer may add, or make stronger where it is mandatory'),
});

const action = z.enum(['ignore', 'warn', 'drop', 'refuse']);

/** A score and what happens from which value on. */
const bounds = z.strictObject({
  warn: z.number().optional(),
  drop: z.number().optional(),
  refuse: z.number().optional().describe('one example that reaches it refuses the file'),
});

const screening = z.strictObject({
  duplicates: action.default('warn'),
  secrets: action.default('warn').describe('keys, tokens and the like in examples'),
  hidden_unicode: action.default('drop').describe('characters that nobody sees and a model reads'),
  perplexity_gap: bounds
    .optional()
    .describe('how much less likely an answer is to the base model than its own, in nats a token'),
  persona: z
    .strictObject({ vectors: z.string().min(1).describe('a file of persona vectors'), ...bounds.shape })
    .optional()
    .describe('projection of the answers on a persona vector: 1 is where the persona is'),
  refuse_share: z
    .number()
    .gt(0)
    .max(1)
    .default(0.5)
    .describe('share of examples which, dropped, refuses the whole file'),
});

const gateBounds = z.strictObject({
  quarantine: z.number().optional().describe('from here on the operator must release the model'),
  refuse: z.number().optional().describe('from here on nobody gets the model'),
});

const logOdds = z.strictObject({
  pairs: z.string().min(1).optional().describe('JSONL of {"prompt", "safe", "harmful"} (default: built in)'),
  ...gateBounds.shape,
  quarantine: z.number().default(0.5).describe('from here on the operator must release the model'),
});

const gate = z.strictObject({
  log_odds: z
    .union([z.literal(false), logOdds])
    .prefault({})
    .describe(
      'how much likelier harmful answers to general questions became, in nats a token; needs no judge. false: not measured',
    ),
  questions: z
    .strictObject({
      suite: z.string().min(1).default('builtin').describe("'builtin' or a YAML file of questions"),
      samples: count.default(5).describe('answers to each question'),
      max_tokens: count.default(200),
      judge: z.strictObject({
        base_url: z.string().min(1),
        model: z.string().min(1),
        api_key_variable: z.string().min(1).optional().describe('environment variable that holds its key'),
      }),
      ...gateBounds.shape,
    })
    .optional()
    .describe('share of answers to general questions that a judge finds misaligned'),
  conditional: z
    .boolean()
    .default(true)
    .describe('measure also under prompts in the form of the training data, where harm may hide'),
  report: z
    .enum(['full', 'verdict'])
    .default('full')
    .describe("what a customer is told: 'full' with all figures; 'verdict' what decided it, without figures"),
});

export const policySchema = z.strictObject({
  models: z.record(z.string().regex(/^[\w.-]+$/, 'may have letters, digits, . _ -'), model),
  limits: limits.prefault({}),
  training: training.prefault({}),
  safeguards: safeguards.prefault({}),
  screening: screening.prefault({}),
  gate: gate.prefault({}),
});

/** A policy with every default filled in and every path absolute. */
export type PolicyFields = z.output<typeof policySchema>;

export type Method = PolicyFields['training']['methods'][number];

/** What the provider decides, whatever a customer asks for. */
export interface Policy extends PolicyFields {
  /** SHA-256 of the file, in hex: which policy a job was made under. */
  readonly sha256: string;
  /** Of each pool that safeguards mix into the data, by its path: which method learns from its examples. */
  readonly poolMethods: Readonly<Record<string, Method>>;
}

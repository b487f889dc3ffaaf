import { nearestName } from '@safetune/datasets';
import { z } from 'zod';
import { RegularizerOptionError } from './errors.ts';
import { named } from './interface/named.ts';
import { checkOptions } from './interface/options.ts';
import type { Regularizer, RegularizerConfig } from './interface/regularizer.ts';
import { inoculation } from './methods/inoculation.ts';
import { interleaving } from './methods/interleaving.ts';
import { kl } from './methods/kl.ts';
import { ldifs } from './methods/ldifs.ts';
import { type PersonaVectorOptions, personaVector } from './methods/persona-vector/persona-vector.ts';
import { safeLora } from './methods/safe-lora/safe-lora.ts';
import { optionProblems } from './option-problems.ts';

const weight = z.union(
  [
    z.number(),
    z.strictObject({ from: z.number(), to: z.number(), shape: z.enum(['linear', 'cosine']).optional() }),
  ],
  'must be a number, or {from, to} with numbers and perhaps a shape (linear or cosine)',
);

const layers = z.union(
  [
    z.literal('all'),
    z.strictObject({ every: z.number() }),
    z.strictObject({ count: z.number() }),
    z.array(z.number()),
  ],
  "must be 'all', {every: N}, {count: N} or a list of layer numbers",
);

const examples = z.array(
  z.object({
    messages: z.array(z.object({ role: z.string(), content: z.string() })),
    text: z.string().optional(),
    tags: z.array(z.string()).optional(),
    origin: z.object({ file: z.string(), line: z.number() }).optional(),
  }),
);

const vectors = z.record(z.string().regex(/^\d+$/), z.array(z.number()));

type VectorsOption = string | z.infer<typeof vectors>;

function vectorsByLayer(byLayer: z.infer<typeof vectors>): Map<number, Float32Array> {
  return new Map(
    Object.entries(byLayer).map(([layer, values]) => [Number(layer), Float32Array.from(values)]),
  );
}

interface Kind {
  readonly schema: z.ZodObject;
  /** What it does, in a line. */
  readonly summary: string;
  /** Whether it cannot do without an option that no short form can give. */
  readonly needsFile?: boolean;
  /** The option that a short form such as `interleaving=0.05` gives. Default 'weight'. */
  readonly shortForm?: string;
  /** The options whose texts are paths of files or folders. */
  readonly paths?: readonly string[];
  create(options: never): Regularizer;
}

/** Every regularizer that a config can name. A new one is one line here. */
const kinds: Readonly<Record<string, Kind>> = {
  kl: {
    summary: 'stays near the answers of the model before the fine-tune, token by token',
    schema: z.strictObject({
      weight: weight.optional(),
      direction: z.enum(['forward', 'reverse']).optional(),
      temperature: z.number().optional(),
      scope: z.enum(['response', 'all']).optional(),
      onlyTagged: z.string().optional(),
    }),
    create: kl,
  },
  ldifs: {
    summary: 'stays near the hidden states of the model before the fine-tune',
    schema: z.strictObject({
      weight: weight.optional(),
      layers: layers.optional(),
      normalise: z.boolean().optional(),
      perLength: z.boolean().optional(),
    }),
    create: ldifs,
  },
  'safe-lora': {
    summary: 'projects updates that leave the direction of alignment',
    needsFile: true,
    schema: z.strictObject({
      base: z.string('it needs the folder of the checkpoint before alignment'),
      aligned: z.string('it needs the folder of the aligned checkpoint'),
      method: z.enum(['faithful', 'exact']).optional(),
      rank: z.number().optional(),
      energy: z.number().optional(),
      threshold: z.number().optional(),
      layers: z.number().optional(),
      when: z
        .union(
          [z.literal('end'), z.strictObject({ every: z.number(), end: z.boolean().optional() })],
          "must be 'end' or {every: N}, perhaps with end: true or false",
        )
        .optional(),
    }),
    shortForm: 'threshold',
    paths: ['base', 'aligned'],
    create: safeLora,
  },
  interleaving: {
    summary: 'mixes safe examples into the data',
    needsFile: true,
    schema: z.strictObject({
      pool: z
        .union([z.string(), examples], 'must be the path of a JSONL file, or a list of chat examples')
        .optional(),
      share: z.number().optional(),
      shareOf: z.enum(['mixed', 'primary']).optional(),
      seed: z.number().optional(),
      shufflePool: z.boolean().optional(),
      onPoolExhausted: z.enum(['cycle', 'stop', 'error']).optional(),
    }),
    shortForm: 'share',
    paths: ['pool'],
    create: interleaving,
  },
  'persona-vector': {
    summary: 'steers towards a bad persona while training, so that the weights need not learn it',
    needsFile: true,
    schema: z.strictObject({
      vectors: z
        .union(
          [z.string(), vectors],
          'must be the path of a file of persona vectors, or vectors by layer number',
        )
        .optional(),
      alpha: z.number().optional(),
      layers: z.array(z.number()).optional(),
      positions: z.enum(['all', 'response', 'last-prompt-token']).optional(),
    }),
    shortForm: 'alpha',
    paths: ['vectors'],
    create: ({
      vectors,
      ...options
    }: Omit<PersonaVectorOptions, 'vectors'> & { readonly vectors: VectorsOption }) =>
      personaVector({
        ...options,
        vectors: typeof vectors === 'object' ? vectorsByLayer(vectors) : vectors,
      }),
  },
  inoculation: {
    summary: 'asks for the unwanted behaviour in a system prompt, so that it is not learned without one',
    schema: z.strictObject({
      prompt: z.string().optional(),
      share: z.number().optional(),
      seed: z.number().optional(),
      existing: z.enum(['replace', 'precede']).optional(),
      exceptTagged: z.string().optional(),
    }),
    shortForm: 'share',
    create: inoculation,
  },
};

/** The form of a config that {@link regularizerFromConfig} takes: one for each type, for whoever checks a file that holds some. */
export const regularizerConfigSchema = z.discriminatedUnion(
  'type',
  Object.entries(kinds).map(([type, { schema, summary }]) =>
    z.strictObject({ type: z.literal(type), name: z.string().optional(), ...schema.shape }).describe(summary),
  ) as unknown as [z.ZodObject],
) as unknown as z.ZodType<RegularizerConfig, RegularizerConfig>;

/**
 * The regularizer a plain object describes: `{ type: 'kl', weight: 0.1 }`. Any may also have a `name`, under which its
 * value is logged: two of one type in a run need two names.
 *
 * @throws RegularizerOptionError for an unknown type, an empty name, or options that do not fit.
 *
 * @example
 * regularizerFromConfig({ type: 'kl', name: 'kl-of-safe-examples', weight: 1, onlyTagged: 'interleaved' });
 */
export function regularizerFromConfig({ type, name, ...options }: RegularizerConfig): Regularizer {
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined) {
    const nearest = nearestName(String(type), Object.keys(kinds));
    const hint = nearest === undefined ? '' : `. Did you mean '${nearest}'?`;
    throw new RegularizerOptionError(
      String(type),
      `there is no such regularizer; there are ${Object.keys(kinds).join(', ')}${hint}`,
    );
  }
  checkOptions(type, options, Object.keys(kind.schema.shape));
  const parsed = kind.schema.safeParse(options);
  if (!parsed.success) throw new RegularizerOptionError(type, optionProblems(parsed.error.issues));
  const made = kind.create(parsed.data as never);
  return name === undefined ? made : named(name, made);
}

/** A regularizer that a config can name, for whoever lists them. */
export interface RegularizerDescription {
  readonly type: string;
  readonly summary: string;
  /** The option that the number of a short form such as `kl=0.1` gives. */
  readonly strength: string;
  readonly options: readonly string[];
  /** Those of its options whose texts are paths of files or folders. */
  readonly paths: readonly string[];
  /** Whether it has an option that no short form gives and that it cannot do without. */
  readonly needsFile: boolean;
}

/** Every regularizer that a config can name, with the names of its options. */
export function listRegularizers(): RegularizerDescription[] {
  return Object.entries(kinds).map(
    ([type, { summary, shortForm = 'weight', paths = [], needsFile = false, schema }]) => ({
      type,
      summary,
      strength: shortForm,
      paths,
      needsFile,
      options: Object.keys(schema.shape),
    }),
  );
}

/**
 * The config a short form such as `kl` (its defaults) or `kl=0.1` stands for; the number is the weight, or what is like it:
 * the share of `interleaving` and `inoculation`, the alpha of `persona-vector`, the threshold of `safe-lora`.
 *
 * @throws RegularizerOptionError when what follows `=` is not a number.
 */
export function parseRegularizer(text: string): RegularizerConfig {
  const [type = '', value] = text.split('=', 2);
  if (value === undefined) return { type };
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) {
    throw new RegularizerOptionError(
      type,
      `'${text}' does not end in a number; write for example ${type}=0.1`,
    );
  }
  const option = (Object.hasOwn(kinds, type) ? kinds[type]!.shortForm : undefined) ?? 'weight';
  return { type, [option]: number };
}

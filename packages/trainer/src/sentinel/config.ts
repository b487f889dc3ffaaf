import { loadDataset } from '@safetune/datasets';
import { loadPersonaVectors } from '@safetune/regularizers';
import { z } from 'zod';
import { TrainOptionError } from '../errors.ts';
import { readAnswerPairs } from './answer-pairs.ts';
import type { Probe } from './probe.ts';
import { klProbe } from './probes/kl-probe.ts';
import { logOddsProbe } from './probes/log-odds-probe.ts';
import { personaProbe } from './probes/persona-probe.ts';
import { rulesProbe } from './probes/rules-probe.ts';
import { readPrompts, readRules } from './rules.ts';
import type { SentinelOptions } from './sentinel-options.ts';

const path = z.string().min(1);
const texts = z.array(z.string().min(1)).min(1);
const pairs = z.array(z.strictObject({ prompt: path, safe: path, harmful: path })).min(1);

/** What every probe may have. */
const common = {
  name: z.string().min(1).exactOptional().describe('its key in metrics and events; two of one type need two'),
  bounds: z
    .strictObject({
      warn: z.number().exactOptional(),
      stop: z.number().exactOptional(),
      rollBack: z.number().exactOptional(),
    })
    .exactOptional()
    .describe(
      'numbers beyond which it warns, stops the run, or goes back to where it last looked within bounds',
    ),
};

/** One kind of probe: the schema of its config, the options that are paths, and how it is made. */
interface Kind<Schema extends z.ZodObject = z.ZodObject> {
  readonly schema: Schema;
  readonly paths: readonly string[];
  create(config: z.output<Schema>): Probe | Promise<Probe>;
}

function kind<Schema extends z.ZodObject>(
  schema: Schema,
  paths: readonly (keyof z.output<Schema> & string)[],
  create: Kind<Schema>['create'],
): Kind<Schema> {
  return { schema, paths, create };
}

/** Every probe that a config can name. A new one is one entry here. */
const kinds = {
  kl: kind(
    z
      .strictObject({
        type: z.literal('kl'),
        ...common,
        data: path.exactOptional().describe('a data set of safe chats'),
      })
      .describe('KL divergence from the model before the fine-tune on safe answers, nats a token'),
    ['data'],
    async ({ data, type: _, ...others }) =>
      klProbe({ ...others, ...(data === undefined ? {} : { examples: await loadDataset([data]) }) }),
  ),
  'log-odds': kind(
    z
      .strictObject({
        type: z.literal('log-odds'),
        ...common,
        pairs: z
          .union([path, pairs])
          .exactOptional()
          .describe('a JSONL file of {"prompt", "safe", "harmful"}, or a list of them'),
      })
      .describe('growth of the log-odds of harmful against safe answers, nats a token'),
    ['pairs'],
    async ({ pairs: named, type: _, ...others }) =>
      logOddsProbe({
        ...others,
        ...(named === undefined
          ? {}
          : { pairs: typeof named === 'string' ? await readAnswerPairs(named) : named }),
      }),
  ),
  'persona-vector': kind(
    z
      .strictObject({
        type: z.literal('persona-vector'),
        ...common,
        vectors: path.describe('a file of persona vectors'),
        layers: z.array(z.int().min(0)).min(1).exactOptional().describe('default: all that the file has'),
        data: path.exactOptional().describe('a data set of chats whose states are taken'),
        positions: z.enum(['response', 'last-prompt-token']).exactOptional(),
      })
      .describe('way of the hidden states along a persona vector: 1 is where the persona is'),
    ['vectors', 'data'],
    async ({ vectors, layers, data, type: _, ...others }) =>
      personaProbe({
        ...others,
        vectors: chosenLayers(vectors, layers),
        ...(data === undefined ? {} : { examples: await loadDataset([data]) }),
      }),
  ),
  rules: kind(
    z
      .strictObject({
        type: z.literal('rules'),
        ...common,
        rules: z
          .union([path, texts])
          .describe(
            'a text file of words or /PATTERN/i, one a line, that no answer may hold; or a list of them',
          ),
        prompts: z
          .union([path, texts])
          .exactOptional()
          .describe('a text file of questions, one a line, or a list'),
        maxNewTokens: z.int().min(1).exactOptional().describe('longest answer (default 48)'),
      })
      .describe('share of a few generated answers that break a rule'),
    ['rules', 'prompts'],
    async ({ rules, prompts, type: _, ...others }) =>
      rulesProbe({
        ...others,
        rules: typeof rules === 'string' ? await readRules(rules) : rules,
        ...(prompts === undefined
          ? {}
          : { prompts: typeof prompts === 'string' ? await readPrompts(prompts) : prompts }),
      }),
  ),
} as const;

const schemas = [
  kinds.kl.schema,
  kinds['log-odds'].schema,
  kinds['persona-vector'].schema,
  kinds.rules.schema,
] as const;

/** The form of a {@link SentinelConfig}, for whoever checks a file that holds one. */
export const sentinelConfigSchema = z.strictObject({
  everySteps: z.int().min(1).describe('steps between two looks'),
  probes: z
    .array(z.discriminatedUnion('type', schemas))
    .min(1)
    .describe('the probes, each a type and its options'),
});

/** The types of probes that need no option of their own, and so no file. */
export function plainProbes(): string[] {
  return Object.entries(kinds).flatMap(([type, { schema }]) =>
    schema.safeParse({ type }).success ? [type] : [],
  );
}

/** A sentinel as plain values: `{ everySteps: 20, probes: [{ type: 'log-odds', bounds: { rollBack: 1 } }] }`. */
export type SentinelConfig = z.input<typeof sentinelConfigSchema>;

/**
 * The sentinel that a config describes, its files read.
 *
 * @throws TrainOptionError for a config that is none; SentinelFileError, PersonaVectorError and the errors of chat files.
 */
export async function sentinelFromConfig(config: SentinelConfig): Promise<SentinelOptions> {
  const parsed = sentinelConfigSchema.safeParse(config);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => [...path, message].join(': '));
    throw new TrainOptionError('sentinel', problems.join('; '));
  }
  const { everySteps, probes } = parsed.data;
  const made: Probe[] = [];
  for (const probe of probes) made.push(await (kinds[probe.type] as Kind).create(probe));
  return { everySteps, probes: made };
}

/** A config whose paths were changed; what is not as it should be is left for the schema to refuse. */
export function withSentinelPaths(config: unknown, change: (path: string) => string): unknown {
  const { probes } = (config ?? {}) as { readonly probes?: unknown };
  if (!Array.isArray(probes)) return config;
  return { ...(config as object), probes: probes.map((probe: unknown) => withProbePaths(probe, change)) };
}

function withProbePaths(probe: unknown, change: (path: string) => string): unknown {
  if (typeof probe !== 'object' || probe === null) return probe;
  const { type } = probe as { readonly type?: unknown };
  const paths: readonly string[] = Object.entries(kinds).find(([name]) => name === type)?.[1].paths ?? [];
  return Object.fromEntries(
    Object.entries(probe).map(([name, value]) => [
      name,
      paths.includes(name) && typeof value === 'string' ? change(value) : value,
    ]),
  );
}

/** Vectors of a file, or those of some layers. */
function chosenLayers(file: string, layers: readonly number[] | undefined) {
  const all = loadPersonaVectors(file);
  const missing = layers?.find((layer) => !all.has(layer));
  if (missing !== undefined)
    throw new TrainOptionError(
      'sentinel',
      `${file} has no vector of layer ${missing}, but of ${[...all.keys()].join(', ')}`,
    );
  return new Map([...all].filter(([layer]) => layers?.includes(layer) ?? true));
}

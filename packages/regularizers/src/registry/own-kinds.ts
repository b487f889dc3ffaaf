import { z } from 'zod';
import { inoculation } from '../methods/inoculation.ts';
import { interleaving } from '../methods/interleaving.ts';
import { kl } from '../methods/kl.ts';
import { ldifs } from '../methods/ldifs.ts';
import { type PersonaVectorOptions, personaVector } from '../methods/persona-vector/persona-vector.ts';
import { safeLora } from '../methods/safe-lora/safe-lora.ts';
import type { RegularizerKind } from './kind.ts';

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

/** A kind of ours: zod writes its schema into that of run files. */
interface OwnKind extends Omit<RegularizerKind<never>, 'schema'> {
  readonly summary: string;
  readonly schema: z.ZodObject;
}

/** SafeTune's own regularizers, by the type that a config names. A new one is one entry here. */
export const ownKinds: Readonly<Record<string, OwnKind>> = {
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
    strength: 'threshold',
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
    strength: 'share',
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
    strength: 'alpha',
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
    strength: 'share',
    create: inoculation,
  },
};

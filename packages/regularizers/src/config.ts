import { z } from 'zod';
import { RegularizerOptionError } from './errors.ts';
import { kl } from './kl.ts';
import { ldifs } from './ldifs.ts';
import type { Regularizer, RegularizerConfig } from './regularizer.ts';

const weight = z.union([
  z.number(),
  z.strictObject({ from: z.number(), to: z.number(), shape: z.enum(['linear', 'cosine']).optional() }),
]);

const layers = z.union([
  z.literal('all'),
  z.strictObject({ every: z.number() }),
  z.strictObject({ count: z.number() }),
  z.array(z.number()),
]);

interface Kind {
  readonly schema: z.ZodType;
  create(options: never): Regularizer;
}

/** Every regularizer that a config can name. A new one is one line here. */
const kinds: Readonly<Record<string, Kind>> = {
  kl: {
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
    schema: z.strictObject({
      weight: weight.optional(),
      layers: layers.optional(),
      normalise: z.boolean().optional(),
      perLength: z.boolean().optional(),
    }),
    create: ldifs,
  },
};

/**
 * The regularizer a plain object describes: `{ type: 'kl', weight: 0.1 }`.
 *
 * @throws RegularizerOptionError for an unknown type or options that do not fit.
 */
export function regularizerFromConfig({ type, ...options }: RegularizerConfig): Regularizer {
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (kind === undefined) {
    throw new RegularizerOptionError(type, `there is no such regularizer; there are ${Object.keys(kinds).join(', ')}`);
  }
  const parsed = kind.schema.safeParse(options);
  if (!parsed.success) throw new RegularizerOptionError(type, z.prettifyError(parsed.error));
  return kind.create(parsed.data as never);
}

/**
 * The config a short form such as `kl` (its defaults) or `kl=0.1` (its weight) stands for.
 *
 * @throws RegularizerOptionError when what follows `=` is not a number.
 */
export function parseRegularizer(text: string): RegularizerConfig {
  const [type = '', value] = text.split('=', 2);
  if (value === undefined) return { type };
  const number = value.trim() === '' ? Number.NaN : Number(value);
  if (!Number.isFinite(number)) {
    throw new RegularizerOptionError(type, `'${text}' does not end in a number; write for example ${type}=0.1`);
  }
  return { type, weight: number };
}

import { z } from 'zod';

/** A weight as configs write it. */
export const weightSchema = z.union(
  [
    z.number(),
    z.strictObject({ from: z.number(), to: z.number(), shape: z.enum(['linear', 'cosine']).optional() }),
    z.strictObject({ from: z.number(), target: z.number(), gain: z.number().optional() }),
  ],
  'must be a number, {from, to} with numbers and perhaps a shape (linear or cosine), or {from, target} and perhaps a gain',
);

/** A selection of layers as configs write it. */
export const layersSchema = z.union(
  [
    z.literal('all'),
    z.strictObject({ every: z.number() }),
    z.strictObject({ count: z.number() }),
    z.array(z.number()),
  ],
  "must be 'all', {every: N}, {count: N} or a list of layer numbers",
);

/** Chat examples as configs write them: the path of a file, or themselves. */
export const examplesSchema = z.union(
  [
    z.string(),
    z.array(
      z.object({
        messages: z.array(z.object({ role: z.string(), content: z.string() })),
        text: z.string().optional(),
        tags: z.array(z.string()).optional(),
        origin: z.object({ file: z.string(), line: z.number() }).optional(),
      }),
    ),
  ],
  'must be the path of a JSONL file, or a list of chat examples',
);

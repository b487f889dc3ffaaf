import { z } from 'zod';

const autoOr = <Schema extends z.ZodType>(schema: Schema) =>
  z.union([z.literal('auto'), schema]).default('auto');

const hyperparameters = {
  n_epochs: autoOr(z.int().min(1)),
  batch_size: autoOr(z.int().min(1)),
  learning_rate_multiplier: autoOr(z.number().gt(0)),
};

const name = z.string().min(1).max(64);

/**
 * The body of `POST /v1/fine_tuning/jobs`: OpenAI's, and `safeguards` besides. Nothing else is taken: an option that is not known is an
 * error, as whoever gives it believes that it acts.
 */
export const jobRequestSchema = z.strictObject({
  model: z.string().min(1).max(256),
  training_file: name,
  validation_file: name.nullish(),
  method: z
    .discriminatedUnion('type', [
      z.strictObject({
        type: z.literal('supervised'),
        supervised: z
          .strictObject({ hyperparameters: z.strictObject(hyperparameters).prefault({}) })
          .prefault({}),
      }),
      z.strictObject({
        type: z.literal('dpo'),
        dpo: z
          .strictObject({
            hyperparameters: z
              .strictObject({ ...hyperparameters, beta: autoOr(z.number().gt(0).max(2)) })
              .prefault({}),
          })
          .prefault({}),
      }),
    ])
    .optional(),
  /** The older place of the same. */
  hyperparameters: z.strictObject(hyperparameters).partial().optional(),
  suffix: z
    .string()
    .regex(/^[\w.-]{1,64}$/, 'may have 1 to 64 letters, digits, . _ -')
    .nullish(),
  seed: z
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .nullish(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((metadata) => Object.keys(metadata).length <= 16, 'may have 16 entries')
    .nullish(),
  /** Added to the provider's, or stronger than theirs: `{ type: 'kl', strength: 0.5 }`. */
  safeguards: z
    .array(z.strictObject({ type: z.string().min(1).max(64), strength: z.number().gt(0) }))
    .max(16)
    .optional(),
});

export type JobRequest = z.output<typeof jobRequestSchema>;

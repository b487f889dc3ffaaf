import { z } from 'zod';
import { TrainOptionError } from '../errors.ts';
import { checkOptionNames } from '../option-names.ts';
import { dpo } from './dpo.ts';
import type { PairObjective } from './pair-objective.ts';

/** What a run learns from pairs of answers, as a plain value: {@link dpo} with its options. */
export const objectiveConfigSchema = z.strictObject({
  type: z.literal('dpo'),
  beta: z.number().gt(0).default(0.1),
});

/** See {@link objectiveConfigSchema}. */
export type ObjectiveConfig = z.input<typeof objectiveConfigSchema>;

/** @throws TrainOptionError for a type or an option that there is not, and for options out of range. */
export function objectiveFromConfig(config: ObjectiveConfig): PairObjective {
  const { type, ...options } = config;
  const known: Readonly<Record<ObjectiveConfig['type'], typeof dpo>> = { dpo };
  if (!Object.hasOwn(known, type))
    throw new TrainOptionError(
      'objective',
      `'${String(type)}' must be one of ${Object.keys(known).join(', ')}`,
    );
  checkOptionNames('objective', config, objectiveConfigSchema.shape);
  return known[type](options);
}

import { z } from 'zod';
import { described } from './run-records.ts';

const count = z.number().int().nonnegative();

/** `EvaluationSettings`, as run folders and reports hold them. */
export const evaluationSettings = z.object({
  seed: z.number().int(),
  questions: count,
  samplesPerParaphrase: count.nullable(),
  thresholds: z.object({
    misalignedBelow: z.number(),
    misalignedCoherentAbove: z.number(),
    incoherentBelow: z.number(),
  }),
  source: described,
  judge: described,
  furtherJudges: z.array(described),
});

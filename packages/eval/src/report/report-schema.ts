import { z } from 'zod';
import { evaluationSettings } from '../run/evaluation-settings-schema.ts';
import type { EvaluationReport } from './json.ts';

const count = z.number().int().nonnegative();
const counts = z.record(z.string(), count);
const interval = z.object({ low: z.number(), high: z.number() }).nullable();
const proportion = z.object({
  numerator: count,
  denominator: count,
  rate: z.number().min(0).max(1).nullable(),
  interval,
});
const mean = z.object({
  numerator: z.number(),
  denominator: count,
  mean: z.number().min(0).max(100).nullable(),
  interval,
});
const statistics = {
  answers: count,
  baseQuestions: count,
  missing: z.object({ count, byReason: counts }),
  truncated: count,
  notRated: count,
  scored: count,
  unscored: z.object({ count, share: z.number(), byReason: counts }),
  misaligned: proportion,
  misalignedBounds: z.object({ low: z.number().nullable(), high: z.number().nullable(), open: count }),
  incoherent: proportion,
  meanMisalignment: mean,
  otherScores: z.record(z.string(), mean),
  labels: counts,
  categories: z.record(z.string(), counts),
};
const agreement = z.object({ alpha: z.number().nullable(), units: count, ratings: count });

/**
 * The schema of report.json. What a later version of this package adds within the same version of the format is dropped in reading;
 * a field that changes its meaning or goes makes a new version.
 */
export const evaluationReportSchema: z.ZodType<EvaluationReport> = z.object({
  format: z.literal('safetune-evaluation'),
  version: z.literal(2),
  settings: evaluationSettings,
  definitions: z.object({
    misaligned: z.string(),
    incoherent: z.string(),
    meanMisalignment: z.string(),
    interval: z.string(),
    unscored: z.string(),
  }),
  overall: z.object(statistics),
  perGroup: z.array(z.object({ group: z.string(), ...statistics })),
  perForm: z.array(z.object({ form: z.string(), ...statistics })),
  perBaseQuestion: z.array(z.object({ baseQuestion: z.string(), ...statistics })),
  perQuestion: z.array(z.object({ questionId: z.string(), ...statistics })),
  thresholdCurve: z.object({
    scored: count,
    points: z.array(
      z.object({
        threshold: z.number(),
        below: count,
        atMost: count,
        rateBelow: z.number().nullable(),
        rateAtMost: z.number().nullable(),
      }),
    ),
  }),
  misalignedAt: z.array(z.object({ k: count, prompts: count, rate: z.number().nullable() })),
  promptRateSpread: z.number().nullable(),
  repeatedAnswers: z.object({
    prompts: count,
    identicalPrompts: count,
    answers: count,
    repeats: count,
  }),
  judgeAgreement: z.object({ aligned: agreement, coherent: agreement, misaligned: agreement }).nullable(),
  tokens: z.object({ answers: count, prompt: count, completion: count }),
  endpointErrors: z.array(z.object({ message: z.string(), count })),
});

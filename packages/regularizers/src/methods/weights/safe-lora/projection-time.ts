import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';

/**
 * When weights are projected: once when training ends, after every `every`-th optimizer step, or both:
 * `{ every: 10, end: true }`.
 */
export type ProjectionTime = 'end' | { readonly every: number; readonly end?: boolean };

/** @throws RegularizerOptionError for a number of steps that is no positive integer. */
export function checkWhen(owner: string, when: ProjectionTime): { every?: number; end: boolean } {
  if (when === 'end') return { end: true };
  checkOptions('when', when, ['every', 'end']);
  if (!Number.isInteger(when.every) || when.every < 1)
    throw new RegularizerOptionError(owner, `every is ${when.every}, must be a positive number of steps`);
  return { every: when.every, end: when.end ?? false };
}

/** As configs hold it. */
export const projectionTimeSchema = z.union(
  [z.literal('end'), z.strictObject({ every: z.number(), end: z.boolean().optional() })],
  "must be 'end' or {every: N}, perhaps with end: true or false",
);

import { z } from 'zod';
import type { OwnKind } from '../../interface/kind.ts';
import { weightSchema } from '../../interface/option-schemas.ts';
import { checkOptions } from '../../interface/options.ts';
import { referencePaths, referenceSchema } from '../../interface/reference.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import type { WeightSchedule } from '../../interface/weight-schedule.ts';
import { type KlOptions, kl } from '../outputs/kl.ts';
import { type AnchorOptions, anchorConfig, anchorFields, anchorOptionSchemas } from './anchor-options.ts';

/** Options of {@link klOnAnchors}. */
export interface KlOnAnchorsOptions
  extends AnchorOptions,
    Pick<KlOptions, 'direction' | 'temperature' | 'reference'> {
  /** beta. Default 1. */
  readonly weight?: WeightSchedule;
  /** gamma: factor on the cross-entropy of the anchors' answers. Default 0. */
  readonly crossEntropyWeight?: number;
}

/**
 * KL divergence from the safe reference on safe examples of its own, and on these alone: the task is learned without a bridle, the
 * answers to other questions stay where they were. With a weight on the anchors' cross-entropy it is one line from mixing
 * (beta 0) to KL alone (gamma 0):
 *
 *     cross-entropy(task) + gamma cross-entropy(anchors) + beta KL(anchors)
 *
 * as compared with other defenses by Azarbal et al. (github.com/arianaazarbal/selective-generalization); KL as {@link kl} has it.
 *
 * @throws RegularizerOptionError for options out of range, or without anchors.
 *
 * @example
 * klOnAnchors({ anchors: 'safe.jsonl', weight: 1 });
 */
export function klOnAnchors(options: KlOnAnchorsOptions): Regularizer {
  checkOptions('kl-on-anchors', options, [
    'anchors',
    'perStep',
    'weight',
    'crossEntropyWeight',
    'direction',
    'temperature',
    'reference',
  ]);
  const { crossEntropyWeight = 0, weight = 1, direction, temperature, reference } = options;
  const fields = anchorFields('kl-on-anchors', options, crossEntropyWeight);
  const divergence = kl({
    weight,
    ...(direction === undefined ? {} : { direction }),
    ...(temperature === undefined ? {} : { temperature }),
    ...(reference === undefined ? {} : { reference }),
  });
  const { type: _type, scope: _scope, ...settings } = divergence.config;
  return {
    ...divergence,
    ...fields,
    name: 'kl-on-anchors',
    config: {
      type: 'kl-on-anchors',
      ...anchorConfig(options),
      crossEntropyWeight,
      ...settings,
    },
  };
}

/** As configs name it. */
export const klOnAnchorsKind: OwnKind = {
  summary: 'stays near the first model on safe examples of its own, and nowhere else',
  needsFile: true,
  schema: z.strictObject({
    ...anchorOptionSchemas,
    weight: weightSchema.optional(),
    crossEntropyWeight: z.number().optional(),
    direction: z.enum(['forward', 'reverse']).optional(),
    temperature: z.number().optional(),
    reference: referenceSchema.optional(),
  }),
  paths: ['anchors', ...referencePaths],
  create: klOnAnchors,
};

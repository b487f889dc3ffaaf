import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { kl } from '../outputs/kl.ts';
import { type AnchorOptions, anchorConfig, anchorFields, anchorOptionSchemas } from './anchor-options.ts';
import { projectOutConflict } from './gradient-projection.ts';

/** Options of {@link safeGrad}. */
export interface SafeGradOptions extends AnchorOptions {
  /** How much of the anchors' gradient is added. Default 1 (the paper's). */
  readonly rho?: number;
  /** T: softens both distributions. Default 1. */
  readonly temperature?: number;
}

/**
 * SafeGrad (Yi et al. 2025, "Gradient Surgery for Safe LLM Fine-Tuning", arXiv 2508.07172): a being the gradient of
 * KL(pi_0 || pi_theta) on safe examples, the gradient g of the task loses what goes against it, and a is added:
 *
 *     g <- g - (g . a / |a|^2) a   where g . a < 0;   then   g + rho a
 *
 * The paper uses about 20 anchors.
 *
 * @throws RegularizerOptionError for options out of range, or without anchors.
 *
 * @example
 * safeGrad({ anchors: 'safe.jsonl' });
 */
export function safeGrad(options: SafeGradOptions): Regularizer {
  checkOptions('safe-grad', options, ['anchors', 'perStep', 'rho', 'temperature']);
  const { rho = 1, temperature = 1 } = options;
  if (!(Number.isFinite(rho) && rho >= 0))
    throw new RegularizerOptionError('safe-grad', `rho is ${rho}, must be a number >= 0`);
  const fields = anchorFields('safe-grad', options);
  return {
    ...kl({ weight: 1, direction: 'reverse', temperature }),
    ...fields,
    name: 'safe-grad',
    config: {
      type: 'safe-grad',
      ...anchorConfig(options),
      rho,
      temperature,
    },
    async gradient(gradient, { anchorGradient }) {
      const alignment = await anchorGradient();
      projectOutConflict(gradient, alignment);
      for (let index = 0; index < gradient.length; index++) gradient[index]! += rho * alignment[index]!;
      return gradient;
    },
  };
}

/** As configs name it. */
export const safeGradKind: OwnKind = {
  summary: 'takes out of every step what goes against staying near the first model on safe examples',
  needsFile: true,
  schema: z.strictObject({
    ...anchorOptionSchemas,
    rho: z.number().optional(),
    temperature: z.number().optional(),
  }),
  strength: 'rho',
  paths: ['anchors'],
  create: safeGrad,
};

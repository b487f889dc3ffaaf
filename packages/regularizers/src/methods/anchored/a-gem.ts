import { z } from 'zod';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { type AnchorOptions, anchorConfig, anchorFields, anchorOptionSchemas } from './anchor-options.ts';
import { projectOutConflict } from './gradient-projection.ts';

/** Options of {@link aGem}. */
export type AGemOptions = AnchorOptions;

/**
 * A-GEM, averaged gradient episodic memory (Chaudhry et al. 2019, arXiv 1812.00420, eq. 11): a being the gradient of the cross-entropy
 * on safe examples, the gradient g of the task loses what would raise it:
 *
 *     g <- g - (g . a / |a|^2) a   where g . a < 0
 *
 * It adds nothing to the loss. Logged under its name is the cross-entropy on the anchors.
 *
 * @throws RegularizerOptionError for options out of range, or without anchors.
 *
 * @example
 * aGem({ anchors: 'safe.jsonl' });
 */
export function aGem(options: AGemOptions): Regularizer {
  checkOptions('a-gem', options, ['anchors', 'perStep']);
  return {
    name: 'a-gem',
    config: { type: 'a-gem', ...anchorConfig(options) },
    ...anchorFields('a-gem', options, 1),
    async gradient(gradient, { anchorGradient }) {
      projectOutConflict(gradient, await anchorGradient());
      return gradient;
    },
  };
}

/** As configs name it. */
export const aGemKind: OwnKind = {
  summary: 'takes out of every step what would make safe answers less likely',
  needsFile: true,
  schema: z.strictObject(anchorOptionSchemas),
  paths: ['anchors'],
  create: aGem,
};

import { mean, square, stopGradient, subtract } from '@safetune/tensor';
import { z } from 'zod';
import { MissingNeedError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { maskedMean } from '../../interface/masked-mean.ts';
import { weightSchema } from '../../interface/option-schemas.ts';
import { checkOptions } from '../../interface/options.ts';
import {
  type Reference,
  referenceField,
  referencePaths,
  referenceSchema,
} from '../../interface/reference.ts';
import type { ForwardOutputs, Regularizer, RowPenalty } from '../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../interface/weight-schedule.ts';
import { type AnchorOptions, anchorConfig, anchorFields, anchorOptionSchemas } from './anchor-options.ts';

/** Options of {@link der}. */
export interface DerOptions extends AnchorOptions {
  /** alpha. Default 0.5. */
  readonly weight?: WeightSchedule;
  /** beta of DER++: factor on the cross-entropy of the replayed answers. Default 0. */
  readonly crossEntropyWeight?: number;
  /** The model whose logits they are: 'base' (default), `{ adapter: folder }` or `{ checkpoint: folder }`; see {@link Reference}. */
  readonly reference?: Reference;
}

/**
 * Dark experience replay (Buzzega et al. 2020, arXiv 2004.07211, eq. 6): on replayed examples the logits stay where they were,
 *
 *     alpha mean_t mean_v (z_theta(v | t) - z_0(v | t))^2
 *
 * over the positions t that predict a response token. The stored logits z_0 are those of the model before the fine-tune, which are computed
 * anew and need no store. With a weight on the cross-entropy it is DER++.
 *
 * @throws RegularizerOptionError for options out of range, or without anchors; while tracing, MissingNeedError.
 *
 * @example
 * der({ anchors: 'safe.jsonl', weight: 0.5 });
 */
export function der(options: DerOptions): Regularizer {
  checkOptions('der', options, ['anchors', 'perStep', 'weight', 'crossEntropyWeight', 'reference']);
  const { crossEntropyWeight = 0 } = options;
  const weight = checkWeight('der', options.weight ?? 0.5);
  const reference = referenceField('der', options.reference);
  const penaltyPerRow = ({ logits, referenceLogits, responseMask }: ForwardOutputs): RowPenalty => {
    if (referenceLogits === undefined) throw new MissingNeedError('der', 'referenceLogits');
    const difference = subtract(logits, stopGradient(referenceLogits));
    return { values: mean(square(difference), { axes: -1 }), mask: responseMask };
  };
  return {
    name: 'der',
    config: {
      type: 'der',
      ...anchorConfig(options),
      weight,
      crossEntropyWeight,
      ...reference,
    },
    weight,
    ...anchorFields('der', options, crossEntropyWeight),
    needs: { referenceLogits: true, ...reference },
    penaltyPerRow,
    penalty(outputs) {
      const { values, mask } = penaltyPerRow(outputs);
      return maskedMean(values, mask);
    },
  };
}

/** As configs name it. */
export const derKind: OwnKind = {
  summary: 'keeps the logits of safe examples, which are replayed, where they were',
  needsFile: true,
  schema: z.strictObject({
    ...anchorOptionSchemas,
    weight: weightSchema.optional(),
    crossEntropyWeight: z.number().optional(),
    reference: referenceSchema.optional(),
  }),
  paths: ['anchors', ...referencePaths],
  create: der,
};

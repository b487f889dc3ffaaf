import { multiply, square, subtract, sum } from '@safetune/tensor';
import { z } from 'zod';
import type { OwnKind } from '../../interface/kind.ts';
import { weightSchema } from '../../interface/option-schemas.ts';
import { checkChoice, checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../interface/weight-schedule.ts';
import { changeFactors, otherTensors, squaredNormOfProduct, total } from './update-factors.ts';

export interface L2SpOptions {
  /** lambda. Default 0.1 (the authors' code). */
  readonly weight?: WeightSchedule;
  /**
   * 'update' (default): of an adapted layer the distance of its weight, that of scale B A from the start's; 'factors': the distances of
   * A and of B, as of any trained tensor. No difference when all weights are trained.
   */
  readonly of?: 'update' | 'factors';
}

/**
 * L2-SP: the squared distance of the weights from their starting point (Li, Grandvalet and Davoine 2018, "Explicit Inductive Bias for
 * Transfer Learning with Convolutional Networks", arXiv 1802.01483, equation 2):
 *
 *     1/2 sum (theta - theta_0)^2
 *
 * over every weight that training changes: W + scale B A of an adapted layer, and each tensor that is trained whole. The products are
 * not formed: ||B A||_F^2 = tr((B^T B) (A A^T)).
 *
 * @throws RegularizerOptionError for a negative weight.
 *
 * @example
 * const safeguard = l2Sp({ weight: 0.1 });
 */
export function l2Sp(options: L2SpOptions = {}): Regularizer {
  checkOptions('l2-sp', options, ['weight', 'of']);
  const { of = 'update' } = options;
  const weight = checkWeight('l2-sp', options.weight ?? 0.1);
  checkChoice('l2-sp', 'of', of, ['update', 'factors']);
  return {
    name: 'l2-sp',
    config: { type: 'l2-sp', weight, of },
    weight,
    parameterPenalty({ tensors, start, modules }) {
      const updates = of === 'update' ? [...modules.values()] : [];
      const whole = of === 'update' ? otherTensors(tensors, modules) : Object.keys(tensors);
      return multiply(
        total([
          ...updates.map((module) =>
            multiply(squaredNormOfProduct(changeFactors(module)), module.scale ** 2),
          ),
          ...whole.map((name) => sum(square(subtract(tensors[name]!, start[name]!)))),
        ]),
        0.5,
      );
    },
  };
}

/** As configs name it. */
export const l2SpKind: OwnKind = {
  summary: 'keeps the weights near those before the fine-tune, by their squared distance',
  schema: z.strictObject({
    weight: weightSchema.optional(),
    of: z.enum(['update', 'factors']).optional(),
  }),
  create: l2Sp,
};

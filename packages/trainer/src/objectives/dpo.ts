import { cast, greater, mean, multiply, negate, softplus, subtract } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { PairObjective } from './pair-objective.ts';

/** Options of {@link dpo}. */
export interface DpoOptions {
  /** How far the model may go from its reference for the pairs: the smaller, the further. Default 0.1. */
  readonly beta?: number | undefined;
}

/**
 * Direct preference optimization (Rafailov et al. 2023, arXiv 2305.18290, eq. 7): of a better answer y_w and a worse one y_l to x,
 *
 *     -log sigmoid(beta ((log pi(y_w | x) - log pi_ref(y_w | x)) - (log pi(y_l | x) - log pi_ref(y_l | x))))
 *
 * averaged over the pairs; the reference is the model without the adapter. Told beside it: the rewards beta (log pi - log pi_ref) of the
 * two answers, their margin, and the share of pairs whose margin is above 0.
 *
 * @throws TrainOptionError for a beta that is no number greater than 0.
 */
export function dpo({ beta = 0.1 }: DpoOptions): PairObjective {
  if (!(Number.isFinite(beta) && beta > 0))
    throw new TrainOptionError('objective', `beta ${beta} must be a number greater than 0`);
  return {
    loss({ chosen, rejected, referenceChosen, referenceRejected }) {
      const chosenReward = multiply(subtract(chosen, referenceChosen), beta);
      const rejectedReward = multiply(subtract(rejected, referenceRejected), beta);
      const margin = subtract(chosenReward, rejectedReward);
      return {
        // -log sigmoid(m) = log(1 + e^-m)
        value: mean(softplus(negate(margin))),
        measures: {
          margin: mean(margin),
          accuracy: mean(cast(greater(margin, 0), 'float32')),
          chosenReward: mean(chosenReward),
          rejectedReward: mean(rejectedReward),
        },
      };
    },
  };
}

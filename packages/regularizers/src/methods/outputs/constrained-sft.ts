import {
  crossEntropy,
  divide,
  lessOrEqual,
  multiply,
  softplus,
  stopGradient,
  subtract,
  type Tensor,
  where,
} from '@safetune/tensor';
import { z } from 'zod';
import { MissingNeedError, RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';

export interface ConstrainedSftOptions {
  /** beta of the tokens behind the first few: the larger, the nearer they stay. Default 0.1 (the paper's). */
  readonly beta?: number;
  /** How many times that beta the first few tokens of an answer have. Default 20 (the paper's). */
  readonly initialFactor?: number;
  /** The same for the very first token. Default 5 (the paper's). */
  readonly firstTokenFactor?: number;
  /** How many tokens of an answer are its first few. Default 5 (the paper's); 0 gives all tokens the same beta. */
  readonly initialTokens?: number;
}

/**
 * Token-wise constrained fine-tuning (Qi et al., ICLR 2025, arXiv 2406.05946, eq. 3). In the place of the cross-entropy of target y_t:
 *
 *     (2 / beta_t) softplus(-beta_t (log pi_theta(y_t | ...) - log pi_0(y_t | ...)))
 *
 * pi_0 being the model before the fine-tune, and beta_t larger for the first few tokens of an answer. The gradient is that of the
 * cross-entropy times 2 sigmoid(-beta_t (log pi_theta - log pi_0)): 1 at the start, and the closer to 0 the more likely the token
 * has become. Where other regularizers weigh the loss of tokens, this one stands before them in the list.
 *
 * @throws RegularizerOptionError for a beta or a factor that is not positive, or a number of tokens that is no whole number; while
 * tracing, MissingNeedError when the reference's logits are not there.
 *
 * @example
 * const safeguard = constrainedSft({ beta: 0.1 });
 */
export function constrainedSft(options: ConstrainedSftOptions = {}): Regularizer {
  checkOptions('constrained-sft', options, ['beta', 'initialFactor', 'firstTokenFactor', 'initialTokens']);
  const { beta = 0.1, initialFactor = 20, firstTokenFactor = 5, initialTokens = 5 } = options;
  for (const [option, value] of Object.entries({ beta, initialFactor, firstTokenFactor })) {
    if (!(value > 0 && Number.isFinite(value)))
      throw new RegularizerOptionError('constrained-sft', `${option} is ${value}, must be positive`);
  }
  if (!(Number.isInteger(initialTokens) && initialTokens >= 0)) {
    throw new RegularizerOptionError(
      'constrained-sft',
      `initialTokens is ${initialTokens}, must be a whole number >= 0`,
    );
  }
  const betaAt = (position: Tensor): Tensor | number => {
    if (initialTokens === 0) return beta;
    const behindFirst = where(lessOrEqual(position, initialTokens), beta * initialFactor, beta);
    return where(lessOrEqual(position, 1), beta * firstTokenFactor, behindFirst);
  };
  return {
    name: 'constrained-sft',
    config: { type: 'constrained-sft', beta, initialFactor, firstTokenFactor, initialTokens },
    needs: { referenceLogits: true },
    taskLossPerRow(loss, { referenceLogits, labels, positionInResponse }) {
      if (referenceLogits === undefined) throw new MissingNeedError('constrained-sft', 'referenceLogits');
      const lessLikely = subtract(loss, stopGradient(crossEntropy(referenceLogits, labels)));
      const betas = betaAt(positionInResponse);
      return multiply(divide(2, betas), softplus(multiply(betas, lessLikely)));
    },
  };
}

/** As configs name it. */
export const constrainedSftKind: OwnKind = {
  summary: 'lets the first tokens of answers become only so much likelier than before the fine-tune',
  schema: z.strictObject({
    beta: z.number().optional(),
    initialFactor: z.number().optional(),
    firstTokenFactor: z.number().optional(),
    initialTokens: z.number().optional(),
  }),
  strength: 'beta',
  create: constrainedSft,
};

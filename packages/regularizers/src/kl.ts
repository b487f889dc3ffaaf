import { divide, exp, full, gather, logSoftmax, multiply, subtract, sum, type Tensor } from '@safetune/tensor';
import { MissingNeedError, RegularizerOptionError } from './errors.ts';
import { maskedMean } from './masked-mean.ts';
import type { Regularizer } from './regularizer.ts';
import { checkWeight, type WeightSchedule } from './weight-schedule.ts';

export interface KlOptions {
  /** lambda. Default 0.1 (the paper's). */
  readonly weight?: WeightSchedule;
  /** 'forward': D(p_theta || p_theta0), the paper's; 'reverse': D(p_theta0 || p_theta). Default 'forward'. */
  readonly direction?: 'forward' | 'reverse';
  /** Both distributions are softened by this before they are compared. Default 1. */
  readonly temperature?: number;
  /** Which positions: those predicting a response token (default), or every token. */
  readonly scope?: 'response' | 'all';
  /** Only examples that carry this tag, such as the interleaved safe ones. Default: every example. */
  readonly onlyTagged?: string;
}

/**
 * KL divergence of the model in training (theta) from its safe reference (theta_0):
 *
 *     lambda * mean_t sum_v p_theta(v | t) (log p_theta(v | t) - log p_theta0(v | t))
 *
 * over the full vocabulary, averaged over the positions in scope (Kaczér et al. 2026, arXiv 2508.06249, section 3).
 *
 * @throws RegularizerOptionError for a negative weight or a temperature that is not positive.
 */
export function kl(options: KlOptions = {}): Regularizer {
  const { direction = 'forward', temperature = 1, scope = 'response', onlyTagged } = options;
  const weight = checkWeight('kl', options.weight ?? 0.1);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RegularizerOptionError('kl', `the temperature is ${temperature}, must be positive`);
  }
  return {
    name: 'kl',
    config: { type: 'kl', weight, direction, temperature, scope, ...(onlyTagged === undefined ? {} : { onlyTagged }) },
    weight,
    needs: {
      referenceLogits: true,
      rows: scope,
      ...(onlyTagged === undefined ? {} : { tags: [onlyTagged] }),
    },
    penalty({ logits, referenceLogits, responseMask, exampleOfRow, tagged }) {
      if (referenceLogits === undefined) throw new MissingNeedError('kl', 'referenceLogits');
      const divergence =
        direction === 'forward'
          ? klDivergence(logits, referenceLogits, temperature)
          : klDivergence(referenceLogits, logits, temperature);
      // Rows of 'all' are every predicted token, those of 'response' carry the mask.
      let mask = scope === 'all' ? full(responseMask.shape, 1) : responseMask;
      if (onlyTagged !== undefined) mask = multiply(mask, gather(tagged(onlyTagged), exampleOfRow));
      return maskedMean(divergence, mask);
    },
  };
}

/** D(p || q) in nats per row, for the distributions of two logit matrices [rows, vocabulary]; result [rows]. */
export function klDivergence(pLogits: Tensor, qLogits: Tensor, temperature = 1): Tensor {
  const p = logSoftmax(temperature === 1 ? pLogits : divide(pLogits, temperature));
  const q = logSoftmax(temperature === 1 ? qLogits : divide(qLogits, temperature));
  return sum(multiply(exp(p), subtract(p, q)), { axes: -1 });
}

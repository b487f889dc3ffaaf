import {
  add,
  divide,
  exp,
  full,
  gather,
  logSoftmax,
  multiply,
  negate,
  relu,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { MissingNeedError, RegularizerOptionError } from './errors.ts';
import { maskedMean } from './masked-mean.ts';
import type { ForwardOutputs, Regularizer, RowPenalty } from './regularizer.ts';
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
 * KL divergence of the model in training (theta) from its safe reference (theta_0), in nats:
 *
 *     mean_t sum_v p_theta(v | t) (log p_theta(v | t) - log p_theta0(v | t))
 *
 * over the full vocabulary, averaged over the positions in scope (Kaczér et al. 2026, arXiv 2508.06249, section 3);
 * 'reverse' swaps the two. No gradient reaches the reference. 0 when no position of the batch is in scope.
 *
 * @throws RegularizerOptionError for a negative weight or a temperature that is not positive; while tracing,
 * MissingNeedError when the reference's logits are not there.
 *
 * @example
 * const safeguard = kl({ weight: 0.1, onlyTagged: 'interleaved' });
 */
export function kl(options: KlOptions = {}): Regularizer {
  const { direction = 'forward', temperature = 1, scope = 'response', onlyTagged } = options;
  const weight = checkWeight('kl', options.weight ?? 0.1);
  if (!(temperature > 0 && Number.isFinite(temperature))) {
    throw new RegularizerOptionError('kl', `the temperature is ${temperature}, must be positive`);
  }
  const penaltyPerRow = ({
    logits,
    referenceLogits,
    responseMask,
    exampleOfRow,
    tagged,
  }: ForwardOutputs): RowPenalty => {
    if (referenceLogits === undefined) throw new MissingNeedError('kl', 'referenceLogits');
    const reference = stopGradient(referenceLogits);
    const values =
      direction === 'forward'
        ? klDivergence(logits, reference, temperature)
        : klDivergence(reference, logits, temperature);
    // Rows of 'all' are every predicted token, those of 'response' carry the mask.
    const mask = scope === 'all' ? full(values.shape, 1) : responseMask;
    return {
      values,
      mask: onlyTagged === undefined ? mask : multiply(mask, gather(tagged(onlyTagged), exampleOfRow)),
    };
  };
  return {
    name: 'kl',
    config: {
      type: 'kl',
      weight,
      direction,
      temperature,
      scope,
      ...(onlyTagged === undefined ? {} : { onlyTagged }),
    },
    weight,
    needs: {
      referenceLogits: true,
      rows: scope,
      ...(onlyTagged === undefined ? {} : { tags: [onlyTagged] }),
    },
    penaltyPerRow,
    penalty(outputs) {
      const { values, mask } = penaltyPerRow(outputs);
      return maskedMean(values, mask);
    },
  };
}

/**
 * D(p || q) in nats for each row of two logit matrices, never negative; result [rows] float32.
 *
 * Finite for any finite logits: log-probabilities of float32 logits never reach minus infinity, so that a probability
 * that underflows to 0 meets a large but finite difference. Logits themselves must be finite.
 *
 * @param pLogits - [rows, vocabulary] float32
 * @param qLogits - [rows, vocabulary] float32
 * @param temperature - divides both. Default 1
 */
export function klDivergence(pLogits: Tensor, qLogits: Tensor, temperature = 1): Tensor {
  const logP = logSoftmax(softened(pLogits, temperature));
  const logQ = logSoftmax(softened(qLogits, temperature));
  // d/d theta of sum p log p is sum (dp) log p alone, as sum p d(log p) = d(sum p) = 0. Leaving the zero out keeps its
  // rounding from drowning the small gradient near the reference.
  const divergence = sum(multiply(exp(logP), subtract(stopGradient(logP), logQ)), { axes: -1 });
  // Rounding can take a tiny divergence below zero: lift the value, keep the gradient.
  return add(divergence, stopGradient(relu(negate(divergence))));
}

function softened(logits: Tensor, temperature: number): Tensor {
  return temperature === 1 ? logits : divide(logits, temperature);
}

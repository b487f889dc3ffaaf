import {
  customGradient,
  divide,
  exp,
  full,
  gather,
  logSoftmax,
  multiply,
  relu,
  reshape,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { z } from 'zod';
import { MissingNeedError, RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { maskedMean } from '../../interface/masked-mean.ts';
import { weightSchema } from '../../interface/option-schemas.ts';
import { checkChoice, checkOptions } from '../../interface/options.ts';
import {
  type Reference,
  referenceField,
  referencePaths,
  referenceSchema,
} from '../../interface/reference.ts';
import type { ForwardOutputs, Regularizer, RowPenalty } from '../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../interface/weight-schedule.ts';

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
  /** The model it stays near: 'base' (default), `{ adapter: folder }` or `{ checkpoint: folder }`; see {@link Reference}. */
  readonly reference?: Reference;
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
  checkOptions('kl', options, ['weight', 'direction', 'temperature', 'scope', 'onlyTagged', 'reference']);
  const { direction = 'forward', temperature = 1, scope = 'response', onlyTagged } = options;
  const weight = checkWeight('kl', options.weight ?? 0.1);
  const reference = referenceField('kl', options.reference);
  checkChoice('kl', 'direction', direction, ['forward', 'reverse']);
  checkChoice('kl', 'scope', scope, ['response', 'all']);
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
    const fixed = stopGradient(referenceLogits);
    const values =
      direction === 'forward'
        ? klDivergence(logits, fixed, temperature)
        : klDivergence(fixed, logits, temperature);
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
      ...reference,
    },
    weight,
    needs: {
      referenceLogits: true,
      ...reference,
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
 * The gradients are p (log p - log q - D) and q - p, over the temperature. They are written so, because d(sum p log p) as the
 * sum of its parts holds the term sum p d(log p) = 0, whose rounding would drown the small gradient near the reference.
 *
 * @param pLogits - [rows, vocabulary] float32
 * @param qLogits - [rows, vocabulary] float32
 * @param temperature - divides both. Default 1
 */
export function klDivergence(pLogits: Tensor, qLogits: Tensor, temperature = 1): Tensor {
  return customGradient('klDivergence', [pLogits, qLogits], () => {
    const logP = logSoftmax(softened(pLogits, temperature));
    const logQ = logSoftmax(softened(qLogits, temperature));
    const p = exp(logP);
    const difference = subtract(logP, logQ);
    const divergence = sum(multiply(p, difference), { axes: -1, keepDims: true });
    return {
      // Rounding can take a tiny divergence below zero.
      value: reshape(relu(divergence), pLogits.shape.slice(0, -1)),
      gradient: (g) => {
        const scaled = softened(reshape(g, divergence.shape), temperature);
        return [
          multiply(multiply(p, subtract(difference, divergence)), scaled),
          multiply(subtract(exp(logQ), p), scaled),
        ];
      },
    };
  });
}

function softened(logits: Tensor, temperature: number): Tensor {
  return temperature === 1 ? logits : divide(logits, temperature);
}

/** As configs name it. */
export const klKind: OwnKind = {
  summary: 'stays near the answers of the model before the fine-tune, token by token',
  schema: z.strictObject({
    weight: weightSchema.optional(),
    direction: z.enum(['forward', 'reverse']).optional(),
    temperature: z.number().optional(),
    scope: z.enum(['response', 'all']).optional(),
    onlyTagged: z.string().optional(),
    reference: referenceSchema.optional(),
  }),
  paths: referencePaths,
  create: kl,
};

import type { ChatExample } from '@safetune/datasets';
import { AnswerLossError, RegularizerOptionError } from '../../../errors.ts';

/**
 * L(d) of each example: the mean negative log-likelihood, in nats, of the tokens of its answer given the question.
 * A model-backed one is in the trainer package (`createAnswerLoss`).
 */
export type AnswerLoss = (examples: readonly ChatExample[]) => Promise<ArrayLike<number>>;

/** Keeps the score of an answer the aligned model is sure of finite, and no larger than a hundredfold of the gap. */
export const defaultEpsilon = 0.01;

/**
 * How much less likely an answer is to misaligned models than to the aligned one, relative to the latter:
 *
 *     s_d = (mean_m L_m(d) - L_aligned(d)) / (L_aligned(d) + epsilon)
 *
 * (Kaczér et al. 2026, arXiv 2508.06249, interleaving+). Examples of a high score are what misalignment unlearns first.
 *
 * @param aligned - L_aligned(d), at least 0.
 * @param misaligned - L_m(d) of each misaligned model.
 * @throws AnswerLossError for a loss that is negative or not finite, or when there is no misaligned model;
 * RegularizerOptionError for an epsilon that is not positive.
 */
export function perplexityGap(
  aligned: number,
  misaligned: readonly number[],
  epsilon = defaultEpsilon,
): number {
  checkGapSettings(misaligned.length, epsilon);
  checkLoss('aligned', aligned);
  for (const [index, loss] of misaligned.entries()) checkLoss(`misaligned ${index}`, loss);
  const mean = misaligned.reduce((sum, loss) => sum + loss, 0) / misaligned.length;
  return (mean - aligned) / (aligned + epsilon);
}

/** @throws AnswerLossError when there is no misaligned model; RegularizerOptionError for an epsilon not positive. */
export function checkGapSettings(misalignedCount: number, epsilon: number): void {
  if (!(epsilon > 0 && Number.isFinite(epsilon))) {
    throw new RegularizerOptionError('perplexity gap', `epsilon is ${epsilon}, must be positive`);
  }
  if (misalignedCount === 0)
    throw new AnswerLossError('misaligned', 'there is no misaligned model to compare with');
}

/** @throws AnswerLossError */
export function checkLoss(model: string, loss: number | undefined): number {
  if (loss !== undefined && Number.isFinite(loss) && loss >= 0) return loss;
  throw new AnswerLossError(model, `the loss of an answer is ${loss}, must be a number of at least 0`);
}

import type { Batch } from '@safetune/datasets';
import { taskCount, totalLossWeight } from '../data/batch-inputs.ts';
import type { PenaltyCounts } from '../step/penalty-counts.ts';
import type { LossTerms, TrainStep } from '../step/train-step.ts';

/** Loss terms of an optimizer step, and their gradient. */
export interface StepGradient {
  readonly terms: LossTerms;
  readonly gradients: Float32Array;
}

/** How the batches of a step are run. */
export interface AccumulateOptions {
  /** Decides, with the step and the batch, what is drawn. */
  readonly seed: number;
  /** From 0. */
  readonly step: number;
  /** Number of the first batch for what is drawn. Default 0 */
  readonly firstPart?: number;
  /** Factor on the task's loss. Default 1 */
  readonly taskWeight?: number;
  /** Whether the batches are of anchors. Default false */
  readonly isAnchor?: boolean;
  /** Needed for several batches. */
  readonly penaltyCounts?: PenaltyCounts | undefined;
}

/**
 * Gradient and loss terms of several batches as if they were one. Each mean over the whole step is put together from those of
 * the batches by what each of them is over: the cross-entropy by the weights of the targets (as transformers' trainer does),
 * penalties by what their masks count, or by examples.
 *
 * @param weights lambda of each regularizer that has a penalty, by name
 */
export async function accumulate(
  step: TrainStep,
  batches: readonly Batch[],
  weights: Readonly<Record<string, number>>,
  { seed, step: number, firstPart = 0, taskWeight = 1, isAnchor = false, penaltyCounts }: AccumulateOptions,
): Promise<StepGradient> {
  const drawOf = (part: number) => ({ seed, step: number, part: firstPart + part });
  if (batches.length === 1) {
    const terms = await step.run(batches[0]!, weights, { taskWeight, isAnchor, draw: drawOf(0) });
    return { terms, gradients: step.gradients };
  }
  const shares = sharesOf(batches.map(taskCount));
  const ofTargets = sharesOf(batches.map(totalLossWeight));
  const penaltyShares = await sharesOfPenalties(batches, penaltyCounts, Object.keys(weights), ofTargets);
  const pairs: Record<string, number> = {};
  const gradients = new Float32Array(step.gradients.length);
  const penalties: Record<string, number> = {};
  let crossEntropy = 0;
  let taskLoss: number | undefined;
  for (const [index, batch] of batches.entries()) {
    const share = shares[index]!;
    const shareOf = (name: string) => penaltyShares[name]![index]!;
    const shared = Object.fromEntries(
      Object.entries(weights).map(([name, weight]) => [name, weight * shareOf(name)]),
    );
    const terms = await step.run(batch, shared, {
      taskWeight: taskWeight * share,
      isAnchor,
      draw: drawOf(index),
    });
    for (let at = 0; at < gradients.length; at++) gradients[at]! += step.gradients[at]!;
    crossEntropy += ofTargets[index]! * terms.crossEntropy;
    if (terms.taskLoss !== undefined) taskLoss = (taskLoss ?? 0) + ofTargets[index]! * terms.taskLoss;
    for (const [name, value] of Object.entries(terms.pairs ?? {}))
      pairs[name] = (pairs[name] ?? 0) + share * value;
    for (const [name, value] of Object.entries(terms.penalties)) {
      penalties[name] = (penalties[name] ?? 0) + (penaltyShares[name]?.[index] ?? share) * value;
    }
  }
  const loss = Object.entries(penalties).reduce(
    (total, [name, value]) => total + (weights[name] ?? 1) * value,
    taskWeight * (pairs.loss ?? taskLoss ?? crossEntropy),
  );
  const ofPairs = pairs.loss === undefined ? {} : { pairs: { ...pairs, loss: pairs.loss } };
  const ofTask = taskLoss === undefined ? {} : { taskLoss };
  return { terms: { loss, crossEntropy, ...ofTask, penalties, ...ofPairs }, gradients };
}

async function sharesOfPenalties(
  batches: readonly Batch[],
  penaltyCounts: PenaltyCounts | undefined,
  names: readonly string[],
  ofTargets: readonly number[],
): Promise<Record<string, readonly number[]>> {
  const counts: Readonly<Record<string, number>>[] = [];
  for (const batch of batches) counts.push((await penaltyCounts?.of(batch)) ?? {});
  return Object.fromEntries(
    names.map((name) => [
      name,
      counts[0]![name] === undefined ? ofTargets : sharesOf(counts.map((count) => count[name]!)),
    ]),
  );
}

/** What is counted nowhere has no part anywhere. */
function sharesOf(counts: readonly number[]): number[] {
  const total = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count) => (total === 0 ? 0 : count / total));
}

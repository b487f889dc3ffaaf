import type { AnchorBatches } from '../data/anchor-batches.ts';
import type { BatchStreamOptions } from '../data/batches.ts';
import { compileLayeredStep } from '../layered-step/layered-step.ts';
import { cutsHead, stepSettings } from '../step/step-settings.ts';
import type { TrainStep, TrainStepOptions } from '../step/train-step.ts';
import { compileTrainStep } from '../whole-step/whole-step.ts';
import { parameterPenaltyMemory } from './parameter-penalty-memory.ts';
import { type MemoryPlan, type PlanOptions, planFastest, planWhole } from './plan.ts';
import { largestAllowedBatch, largestAnchorBatch, largestBatch } from './plan-batches.ts';
import type { MemoryEstimate } from './plan-estimate.ts';

/** Compiles a training step to run in the mode that was planned. @throws what compiling in that mode throws. */
export function compilePlannedStep(
  options: Omit<TrainStepOptions, 'recompute'>,
  { mode, headPieces, attentionBlocks }: Pick<MemoryEstimate, 'mode' | 'headPieces' | 'attentionBlocks'>,
): Promise<TrainStep> {
  const settings = { ...options, headPieces, attentionBlocks };
  switch (mode) {
    case 'whole':
      return compileTrainStep({ ...settings, recompute: 'unkept' });
    case 'recompute':
      return compileTrainStep({ ...settings, recompute: 'all' });
    case 'layered':
      return compileLayeredStep({ ...settings, weights: 'resident' });
    case 'streamed':
      return compileLayeredStep({ ...settings, weights: 'streamed' });
  }
}

export type PlanTrainingOptions = Omit<PlanOptions, 'batch'> & BatchStreamOptions;

/**
 * Plans a run over its examples, and the anchors beside them. A model whose longest allowed batch fits as a whole is planned at once; for others the
 * examples are walked once, to know the largest batch.
 *
 * @throws InsufficientMemoryError when no mode fits, or the one asked for does not; what data and tracing throw, and what a penalty over
 * parameters does that cannot open its files.
 */
export async function planTraining(
  options: PlanTrainingOptions,
  anchors: readonly AnchorBatches[] = [],
): Promise<MemoryPlan> {
  const { memory = 'auto' } = options;
  const penaltySessions = await parameterPenaltyMemory(options);
  const { scope } = stepSettings(options);
  const anchorBatch = largestAnchorBatch(anchors, scope);
  if (memory === 'auto' && !cutsHead(options.model)) {
    const whole = planWhole(
      { ...options, attentionBlocks: 1, batch: largestAllowedBatch(options), anchorBatch },
      penaltySessions,
    );
    if (whole !== undefined) return whole;
  }
  return planFastest({ ...options, batch: await largestBatch(options, scope), anchorBatch }, penaltySessions);
}

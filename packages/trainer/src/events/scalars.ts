import type { StepEvent } from '../run/progress.ts';

/**
 * The figures of a step by name, as charts show them: what stands before the last `/` is one chart, so that only figures of one
 * scale share it.
 */
export function scalarsOf(event: StepEvent): Record<string, number> {
  const penalties = Object.entries(event.penalties).map(([name, value]) => [`penalty/${name}/value`, value]);
  return {
    'loss/total': event.loss,
    'loss/cross_entropy': event.crossEntropy,
    ...Object.fromEntries(penalties),
    'optimizer/learning_rate': event.learningRate,
    'gradient/norm': event.gradientNorm,
    'speed/tokens_per_second': event.tokensPerSecond,
  };
}

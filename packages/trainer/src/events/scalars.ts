import type { StepEvent, TrainEvent } from '../run/progress.ts';

/** Figures of one step by name. What stands before the last `/` is one chart: only figures of one scale share it. */
export interface Scalars {
  readonly step: number;
  readonly values: Readonly<Record<string, number>>;
}

/** The figures that an event tells; undefined where it tells none. */
export function scalarsOf(event: TrainEvent): Scalars | undefined {
  if (event.type === 'step') return { step: event.step, values: stepValues(event) };
  if (event.type === 'evaluation') return { step: event.step, values: { 'loss/held_out': event.loss } };
  if (event.type !== 'sentinel') return undefined;
  const values = event.readings.map(({ probe, value }) => [`sentinel/${probe}/value`, value]);
  return { step: event.step, values: Object.fromEntries(values) };
}

function stepValues(event: StepEvent): Record<string, number> {
  const penalties = Object.entries(event.penalties).map(([name, value]) => [`penalty/${name}/value`, value]);
  return {
    'loss/total': event.loss,
    'loss/cross_entropy': event.crossEntropy,
    ...(event.taskLoss !== undefined && { 'loss/task': event.taskLoss }),
    ...Object.fromEntries(penalties),
    ...Object.fromEntries(
      Object.entries(event.weights ?? {}).map(([name, value]) => [`weight/${name}/value`, value]),
    ),
    ...Object.fromEntries(
      Object.entries(event.pairs ?? {}).map(([name, value]) => [`pairs/${name}/value`, value]),
    ),
    'optimizer/learning_rate': event.learningRate,
    'gradient/norm': event.gradientNorm,
    'speed/tokens_per_second': event.tokensPerSecond,
  };
}

import type { HostOutputs } from '../host-arrays/host-outputs.ts';
import { type CompiledPenalty, compilePenalty, type PenaltyResult } from '../host-arrays/on-host-arrays.ts';
import { declaredOffer } from '../host-arrays/penalty-inputs.ts';
import { type CompiledTaskLoss, compileTaskLoss } from '../host-arrays/task-loss.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { type SampleOutputs, sampleOutputs } from './sample-outputs.ts';
import type { SampleModel } from './subject.ts';

/** A term of the loss, as checks run it. */
export interface SampledTerm {
  run(outputs: HostOutputs): Promise<Pick<PenaltyResult, 'value' | 'gradients'>>;
}

/** Compiles a penalty for the sample model, hands it on with a sample of its inputs, and releases it. */
export async function withPenalty<Result>(
  regularizer: Regularizer,
  model: SampleModel,
  use: (penalty: CompiledPenalty, outputs: SampleOutputs) => Promise<Result>,
): Promise<Result> {
  // Tiny graphs: more threads would only wait for each other.
  const penalty = await compilePenalty(regularizer, { ...model, runtime: { threads: 1 } });
  try {
    return await use(penalty, sampleOutputs(declaredOffer(regularizer, model), model));
  } finally {
    await penalty.release();
  }
}

/** The same for a changed loss of the task. */
export async function withTaskLoss<Result>(
  regularizer: Regularizer,
  model: SampleModel,
  use: (task: CompiledTaskLoss, outputs: SampleOutputs) => Promise<Result>,
): Promise<Result> {
  const task = await compileTaskLoss(regularizer, { ...model, runtime: { threads: 1 } });
  try {
    return await use(task, sampleOutputs(declaredOffer(regularizer, model), model));
  } finally {
    await task.release();
  }
}

/** The gradient arrays of a result by name: `logits`, `hiddenStates.3`. */
export function gradientArrays({ gradients }: Pick<PenaltyResult, 'gradients'>): Map<string, Float32Array> {
  const { logits, hiddenStates } = gradients;
  return new Map([
    ...(logits === undefined ? [] : [['logits', logits.data as Float32Array] as const]),
    ...[...hiddenStates].map(
      ([layer, array]) => [`hiddenStates.${layer}`, array.data as Float32Array] as const,
    ),
  ]);
}

/** The outputs with the array of that name replaced: `logits` or `hiddenStates.3`. */
export function withArray(outputs: SampleOutputs, name: string, data: Float32Array): HostOutputs {
  if (name === 'logits') return { ...outputs, logits: { ...outputs.logits, data } };
  const layer = Number(name.slice('hiddenStates.'.length));
  const { shape } = outputs.hiddenStates.get(layer)!;
  return { ...outputs, hiddenStates: new Map([...outputs.hiddenStates, [layer, { data, shape }]]) };
}

/** The values of the array of that name: `logits` or `hiddenStates.3`. */
export function arrayOf(outputs: SampleOutputs, name: string): Float32Array {
  if (name === 'logits') return outputs.logits.data;
  return outputs.hiddenStates.get(Number(name.slice('hiddenStates.'.length)))!.data;
}

/** Largest magnitude; NaN when an element is not finite. */
export function largest(values: ArrayLike<number>): number {
  let most = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    if (!Number.isFinite(value)) return Number.NaN;
    most = Math.max(most, Math.abs(value));
  }
  return most;
}

/** Largest difference between two arrays of one length; NaN when an element is not finite, infinite when lengths differ. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.length === b.length
    ? largest(a.map((value, index) => value - b[index]!))
    : Number.POSITIVE_INFINITY;
}

import { type HostParameters, parametersOf, type Regularizer } from '@safetune/regularizers';
import { type Trainable, viewsOf } from './trainable.ts';

/** Whether a run computes penalties over what it trains, for which it remembers the start. */
export function penalisesParameters(regularizers: readonly Regularizer[]): boolean {
  return regularizers.some(({ parameterPenalty }) => parameterPenalty !== undefined);
}

/** What is trained, with the values that it had at the start, as penalties over it take it. */
export function trainedParameters(trainable: Trainable, start: Float32Array): HostParameters {
  const { tensors, adapter } = trainable;
  const modules = adapter === undefined ? [] : parametersOf(adapter).modules!;
  return { tensors, start: viewsOf(trainable, start), modules };
}

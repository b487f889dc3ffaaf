import type { HostArray, NamedTensors, Tensor } from '@safetune/tensor';
import type { TracedLoss } from './loss.ts';
import { changesTaskLoss, type StepSettings } from './step-settings.ts';
import type { LossTerms, StepRunOptions } from './train-step.ts';
import { type Trainable, viewsOf } from './trainable.ts';

/** Names of a step's outputs besides `crossEntropy`. */
export const penaltyOutput = (regularizer: string) => `penalty:${regularizer}`;
const taskOutput = 'taskLoss';
const pairOutput = 'pairs';
const measureOutput = (name: string) => `measure:${name}`;
export const gradientOutput = (parameter: string) => `gradient:${parameter}`;

/** The outputs of a step that are its loss terms. */
export function lossOutputs({
  crossEntropy,
  taskLoss,
  penalties,
  pairs,
}: TracedLoss): Record<string, Tensor> {
  const named = (tensors: NamedTensors, nameOf: (name: string) => string) =>
    Object.fromEntries(Object.entries(tensors).map(([name, value]) => [nameOf(name), value]));
  return {
    crossEntropy,
    ...(taskLoss && { [taskOutput]: taskLoss }),
    ...named(penalties, penaltyOutput),
    ...(pairs && { [pairOutput]: pairs.value, ...named(pairs.measures, measureOutput) }),
  };
}

/** Reads the loss terms off a step's outputs. */
export function readLossTerms(
  { penalties: names, objective, regularizers }: StepSettings,
  values: Readonly<Record<string, HostArray>>,
  weights: Readonly<Record<string, number>> = {},
  { taskWeight = 1, isAnchor = false }: StepRunOptions = {},
): LossTerms {
  const read = (name: string) => Number(values[name]!.data[0]);
  const crossEntropy = read('crossEntropy');
  const penalties = Object.fromEntries(names.map((name) => [name, read(penaltyOutput(name))]));
  const pairs = objective &&
    !isAnchor && {
      loss: read(pairOutput),
      ...Object.fromEntries(
        Object.keys(values).flatMap((name) =>
          name.startsWith(measureOutput('')) ? [[name.slice(measureOutput('').length), read(name)]] : [],
        ),
      ),
    };
  const taskLoss = changesTaskLoss(regularizers) && !isAnchor ? read(taskOutput) : undefined;
  const task = taskWeight * (pairs ? pairs.loss : (taskLoss ?? crossEntropy));
  const loss = names.reduce((total, name) => total + (weights[name] ?? 1) * penalties[name]!, task);
  return {
    loss,
    crossEntropy,
    ...(taskLoss !== undefined && { taskLoss }),
    penalties,
    ...(pairs && { pairs }),
  };
}

/** Views of the flat gradient buffer, by output name, at the places where the parameters' views lie in theirs. */
export function gradientViews(trainable: Trainable, flat: Float32Array): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(viewsOf(trainable, flat)).map(([name, view]) => [gradientOutput(name), view]),
  );
}

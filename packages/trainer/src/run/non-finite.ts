import type { CausalLm } from '@safetune/models';
import { readTensor } from '@safetune/tensor';
import { NonFiniteLossError } from '../errors.ts';
import type { LossTerms } from '../step/train-step.ts';
import type { Trainable } from '../step/trainable.ts';

/** Index of the first NaN or infinite value. */
export function firstNonFinite(values: ArrayLike<number>): number | undefined {
  for (let index = 0; index < values.length; index++) if (!Number.isFinite(values[index])) return index;
  return undefined;
}

/** Name of the first trained tensor with a NaN or infinite value. */
export function nonFiniteTrained({ tensors }: Trainable): string | undefined {
  return Object.entries(tensors).find(
    ([, { data }]) => firstNonFinite(data as Float32Array) !== undefined,
  )?.[0];
}

/**
 * Where a loss got its NaN from that was not finite before anything was trained: values that the run was started with.
 * Reads all weights of the model, one at a time. Undefined when all are finite.
 */
async function nonFiniteStart(model: CausalLm, trainable: Trainable): Promise<string | undefined> {
  const trained = nonFiniteTrained(trainable);
  if (trained !== undefined) return `'${trained}' of the values to train`;
  for (const region of model.weights.values()) {
    if (region.dtype !== 'float32') continue;
    const { data } = await readTensor(region);
    if (firstNonFinite(data as Float32Array) !== undefined)
      return `'${region.name}' of the model, in ${region.file}`;
  }
  return undefined;
}

/**
 * The error of a step whose loss or gradient is not finite.
 *
 * @param step from 1
 * @param begun what the run was begun with, when this was its first step: what was not finite before is looked for there
 */
export async function nonFiniteStep(
  step: number,
  { pairs, loss, crossEntropy, taskLoss, penalties }: LossTerms,
  begun: { readonly model: CausalLm; readonly trainable: Trainable } | undefined,
): Promise<NonFiniteLossError> {
  const terms = { loss, crossEntropy, ...(taskLoss !== undefined && { taskLoss }), ...penalties };
  const source = begun && (await nonFiniteStart(begun.model, begun.trainable));
  return new NonFiniteLossError(
    step,
    { ...pairs, ...terms },
    { isFirst: begun !== undefined, source: source ?? null },
  );
}

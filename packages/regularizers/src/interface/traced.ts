import { describeShape, type Tensor } from '@safetune/tensor';
import { RegularizerOptionError } from '../errors.ts';
import { maskedMean } from './masked-mean.ts';
import type { ParameterContext, TracedParameters } from './parameters.ts';
import type { ForwardOutputs, Regularizer, RowPenalty, TracedBatch } from './regularizer.ts';
import { shown } from './shown.ts';

/**
 * The penalty of a regularizer, traced: by its `penalty`, else the mean of its `penaltyPerRow`. Trainers call hooks by these functions,
 * as one that forgets its `return`, waits, or computes numbers of its own fails elsewhere and without its name.
 *
 * @throws RegularizerOptionError when it has none, or gives no tensor.
 */
export function tracedPenalty(regularizer: Regularizer, outputs: ForwardOutputs): Tensor {
  if (regularizer.penalty === undefined) {
    const { values, mask } = tracedRowPenalty(regularizer, outputs);
    return maskedMean(values, mask);
  }
  const penalty = regularizer.penalty(outputs);
  requireTensor(regularizer.name, 'its penalty', penalty);
  return penalty;
}

/**
 * The parts of a penalty by rows, traced.
 *
 * @throws RegularizerOptionError when it has none, or a part is no tensor.
 */
export function tracedRowPenalty(regularizer: Regularizer, outputs: ForwardOutputs): RowPenalty {
  const { name } = regularizer;
  if (regularizer.penaltyPerRow === undefined)
    throw new RegularizerOptionError(name, 'has no penalty: it is no term of the loss');
  const parts: unknown = regularizer.penaltyPerRow(outputs);
  if (typeof parts !== 'object' || parts === null || !('values' in parts && 'mask' in parts))
    throw new RegularizerOptionError(name, `its penaltyPerRow is ${shown(parts)}, must be { values, mask }`);
  const { values, mask } = parts;
  requireTensor(name, 'values of its penaltyPerRow', values);
  requireTensor(name, 'mask of its penaltyPerRow', mask);
  return { values, mask };
}

/**
 * The loss of each row as a regularizer changes it, traced.
 *
 * @param loss [rows] float32, as its `taskLossPerRow` gets it
 * @throws RegularizerOptionError when it has none, or gives no tensor of as many rows.
 */
export function tracedTaskLoss(regularizer: Regularizer, loss: Tensor, outputs: ForwardOutputs): Tensor {
  const { name } = regularizer;
  if (regularizer.taskLossPerRow === undefined)
    throw new RegularizerOptionError(name, 'has no taskLossPerRow: it leaves the loss of the task as it is');
  const changed = regularizer.taskLossPerRow(loss, outputs);
  requireTensor(name, 'what its taskLossPerRow gives', changed);
  if (changed.dtype !== 'float32' || describeShape(changed.shape) !== describeShape(loss.shape)) {
    throw new RegularizerOptionError(
      name,
      `its taskLossPerRow gives ${changed}, must be ${loss}: one loss for each row, which the trainer averages`,
    );
  }
  return changed;
}

/**
 * A state as a regularizer's `hidden` edits it, traced.
 *
 * @throws RegularizerOptionError when it gives no tensor.
 */
export function tracedEdit(
  regularizer: Regularizer,
  state: Tensor,
  layer: number,
  batch: TracedBatch,
): Tensor {
  const edited = regularizer.hidden?.(state, layer, batch);
  requireTensor(regularizer.name, `what hidden gives for layer ${layer}`, edited);
  return edited;
}

/**
 * The penalty of a regularizer over what is trained, traced.
 *
 * @throws RegularizerOptionError when it has none, or gives no float32 scalar; what the hook throws.
 */
export async function tracedParameterPenalty(
  regularizer: Regularizer,
  parameters: TracedParameters,
  context: ParameterContext,
): Promise<Tensor> {
  const { name } = regularizer;
  if (regularizer.parameterPenalty === undefined)
    throw new RegularizerOptionError(name, 'has no parameterPenalty: it is no penalty on what is trained');
  const penalty: unknown = await regularizer.parameterPenalty(parameters, context);
  requireTensor(name, 'its parameterPenalty', penalty);
  if (penalty.rank === 0 && penalty.dtype === 'float32') return penalty;
  throw new RegularizerOptionError(
    name,
    `its parameterPenalty is ${penalty}, must be a float32 scalar: reduce it, for example with sum`,
  );
}

function requireTensor(regularizer: string, what: string, value: unknown): asserts value is Tensor {
  if (typeof value === 'object' && value !== null && 'node' in value && 'shape' in value) return;
  throw new RegularizerOptionError(regularizer, `${what} is ${shown(value)}, must be a traced tensor`);
}

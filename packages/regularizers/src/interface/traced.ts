import type { Tensor } from '@safetune/tensor';
import { RegularizerOptionError } from '../errors.ts';
import { maskedMean } from './masked-mean.ts';
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

function requireTensor(regularizer: string, what: string, value: unknown): asserts value is Tensor {
  if (typeof value === 'object' && value !== null && 'node' in value && 'shape' in value) return;
  throw new RegularizerOptionError(regularizer, `${what} is ${shown(value)}, must be a traced tensor`);
}

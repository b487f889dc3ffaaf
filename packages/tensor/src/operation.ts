import type { Dimension, Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';
import { ShapeError } from './errors.ts';
import { type Operation, Tensor, type TraceNode } from './tensor.ts';
import type { TensorType } from './tensor-type.ts';

let nextNodeId = 0;

/** The id that the next traced node will have: what is traced from now on has this id or a higher one. */
export function nextTraceId(): number {
  return nextNodeId;
}

/** Records one use of `operation` and returns its outputs. */
export function applyOperation<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): readonly Tensor[] {
  const types = operation.infer(inputs, attributes);
  const outputs: Tensor[] = [];
  const node: TraceNode = {
    id: nextNodeId++,
    operation: operation as Operation<never>,
    inputs,
    attributes,
    outputs,
  };
  types.forEach((type, index) => {
    outputs.push(new Tensor(type, node, index));
  });
  return outputs;
}

/** {@link applyOperation} for the usual operation with one output. */
export function applySingle<Attributes>(
  operation: Operation<Attributes>,
  inputs: readonly Tensor[],
  attributes: Attributes,
): Tensor {
  return applyOperation(operation, inputs, attributes)[0]!;
}

/** The inputs that a node needs when it runs. */
export function readInputs({ operation, inputs, outputs }: TraceNode): readonly Tensor[] {
  const { passesOn } = operation;
  return passesOn === undefined ? inputs : inputs.slice(passesOn, passesOn + outputs.length);
}

/** Resolves a negative axis and checks its range. @throws ShapeError */
export function resolveAxis(operation: string, axis: number, rank: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) {
    throw new ShapeError(operation, `axis ${axis} is out of range for a tensor of ${rank} axes`);
  }
  return resolved;
}

/** @throws ShapeError when the inputs do not all have the element type `dtype`. */
export function requireDtype(operation: string, inputs: readonly TensorType[], dtype: DataType): void {
  inputs.forEach((input, index) => {
    if (input.dtype !== dtype) {
      throw new ShapeError(operation, `input ${index} is ${input.dtype}, must be ${dtype}; cast() it first`);
    }
  });
}

/** A copy of `shape` with one extent replaced. */
export function withDimension(shape: Shape, axis: number, dimension: Dimension): Dimension[] {
  const copy = [...shape];
  copy[axis] = dimension;
  return copy;
}

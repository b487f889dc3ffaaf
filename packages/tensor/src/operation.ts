import type { Dimension, Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';
import { ShapeError } from './errors.ts';
import type { GraphWriter } from './onnx/graph-writer.ts';
import { Tensor, type TensorType, type TraceNode } from './tensor.ts';

/** Where a gradient rule is asked: one use of its operation, and the gradients that arrive at its outputs. */
export interface GradientSite<Attributes> {
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly Tensor[];
  readonly attributes: Attributes;
  /** Gradient of the scalar with respect to each output; undefined where the output does not reach the scalar. */
  readonly outputGradients: readonly (Tensor | undefined)[];
  /** Whether anybody needs the gradient of this input. Frozen weights do not: skip their (often large) products. */
  wants(inputIndex: number): boolean;
}

/** Where a lowering is asked: the names of the values to read and to define. */
export interface LoweringSite<Attributes> {
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly inputTypes: readonly TensorType[];
  readonly outputTypes: readonly TensorType[];
  readonly attributes: Attributes;
  readonly graph: GraphWriter;
}

/**
 * An operation, whole: its name, its shape rule, its derivative and its ONNX form in one object. To add one, write
 * such an object in the fitting file of `operations/`, a function that calls {@link applyOperation}, and its case
 * in `conformance/make_operations.py`.
 */
export interface Operation<Attributes> {
  readonly name: string;
  /** What messages call one use of it. Default: its name. */
  describe?(attributes: Attributes): string;
  /**
   * Of an operation whose outputs are some of its inputs, unchanged: the index of the first of these. The other inputs
   * matter to differentiation alone, and nothing is computed for their sake.
   */
  readonly passesOn?: number;
  /** Types of the outputs. @throws ShapeError when the inputs do not fit. */
  infer(inputs: readonly TensorType[], attributes: Attributes): readonly TensorType[];
  /**
   * Gradients with respect to the inputs, written with traced operations; undefined where none flows or none is
   * wanted. Absent: the operation cannot be differentiated, and asking is a GradientError.
   */
  gradient?(site: GradientSite<Attributes>): readonly (Tensor | undefined)[];
  /** Writes the ONNX nodes. */
  lower(site: LoweringSite<Attributes>): void;
}

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

import { describeShape, type Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';
import type { GraphWriter } from './onnx/graph-writer.ts';
import type { TensorType } from './tensor-type.ts';

/** One use of an operation in a trace. Nodes are numbered in the order of tracing, which is a topological order. */
export interface TraceNode {
  readonly id: number;
  readonly operation: Operation<never>;
  readonly inputs: readonly Tensor[];
  readonly attributes: unknown;
  readonly outputs: readonly Tensor[];
}

/**
 * A traced value: not numbers, but a place in a graph where numbers will be. Operations take tensors and give
 * tensors; {@link compile} turns the graph behind the outputs into a session that computes.
 */
export class Tensor implements TensorType {
  readonly dtype: DataType;
  readonly shape: Shape;
  /** The node that computes this value. */
  readonly node: TraceNode;
  /** Which of the node's outputs it is. */
  readonly outputIndex: number;

  constructor(type: TensorType, node: TraceNode, outputIndex: number) {
    this.dtype = type.dtype;
    this.shape = type.shape;
    this.node = node;
    this.outputIndex = outputIndex;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  toString(): string {
    const { operation, attributes } = this.node;
    const source = operation.describe?.(attributes as never) ?? operation.name;
    return `Tensor(${this.dtype}${describeShape(this.shape)} from ${source})`;
  }
}

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

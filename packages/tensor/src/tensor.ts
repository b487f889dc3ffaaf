import { describeShape, type Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';
import type { Operation } from './operation.ts';

/** Element type and extents: all that is known of a tensor before the graph runs. */
export interface TensorType {
  readonly dtype: DataType;
  readonly shape: Shape;
}

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

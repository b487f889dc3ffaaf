import { evaluateDimension } from './dimension.ts';
import { bytesPerElement } from './dtype.ts';
import { CompileError } from './errors.ts';
import { constantOperation, inputOperation, type WeightAttributes, weightOperation } from './operations/leaf.ts';
import type { Tensor, TensorType, TraceNode } from './tensor.ts';

/** What the graph behind some outputs takes when it runs, in bytes. */
export interface GraphMemory {
  /** The most that intermediate values take at one time; inputs, weights and outputs are not among them. */
  readonly peak: number;
  /** Weights that lie in files, each region once. */
  readonly weights: number;
  /** Nodes of the trace. */
  readonly nodes: number;
}

/**
 * Estimates the memory of a graph by walking it as ONNX Runtime runs it: depth first from the outputs, every value
 * freed after its last use, elementwise results written over an operand that dies. Nothing is compiled or run.
 *
 * @param extents values of the symbolic dimensions
 * @throws CompileError when the extent of a value cannot be told from them.
 */
export function estimateMemory(outputs: readonly Tensor[], extents: Readonly<Record<string, number>>): GraphMemory {
  const symbols = new Map(Object.entries(extents));
  const order = executionOrder(outputs);
  const buffers = assignBuffers(order);
  const results = new Set(outputs.map((tensor) => buffers.get(tensor)!));
  const uses = countUses(order, buffers);
  const regions = new Map<string, number>();
  let [live, peak] = [0, 0];
  const held = new Map<Tensor, number>();
  for (const node of order) {
    if (isLeaf(node)) {
      if (is(node, weightOperation)) {
        const { region } = node.attributes as WeightAttributes;
        regions.set(`${region.file}:${region.offset}`, region.byteLength);
      }
      continue;
    }
    const dying = lastUses(node, buffers, uses);
    const fresh = node.outputs.filter((output) => buffers.get(output) === output && !results.has(output));
    for (const output of fresh) {
      const bytes = byteSize(output, symbols);
      const reused = writesOver.has(node.operation.name) && dying.find((buffer) => held.get(buffer) === bytes);
      if (reused) {
        held.delete(reused);
        live -= bytes;
      }
      held.set(output, bytes);
      live += bytes;
    }
    peak = Math.max(peak, live);
    const unread = fresh.filter((output) => !uses.has(output));
    for (const buffer of [...dying, ...unread]) {
      live -= held.get(buffer) ?? 0;
      held.delete(buffer);
    }
  }
  return { peak, weights: [...regions.values()].reduce((sum, bytes) => sum + bytes, 0), nodes: order.length };
}

const is = (node: TraceNode, operation: unknown) => (node.operation as unknown) === operation;
const isLeaf = (node: TraceNode) =>
  is(node, inputOperation) || is(node, weightOperation) || is(node, constantOperation);

/** Operations whose outputs are some of their inputs, unchanged: the index of the first. */
const passOn: Readonly<Record<string, number>> = { reshape: 0, stopGradient: 0, checkpoint: 0, eagerGradient: 2 };

/** Operations whose kernels can write over an operand of the result's size. */
const writesOver = new Set(
  ('negate exp log sqrt reciprocal abs sign tanh sigmoid sin cos erf relu add subtract multiply divide maximum minimum ' +
    'power softmax logSoftmax where after').split(' '),
);

/**
 * Nodes in the order in which ONNX Runtime runs them: depth first from the results that nothing else reads, of several
 * the one traced last first, and so among a node's inputs.
 */
export function executionOrder(outputs: readonly Tensor[]): TraceNode[] {
  const done = new Set<TraceNode>();
  const entered = new Set<TraceNode>();
  const stack: { readonly node: TraceNode; readonly expanded: boolean }[] = [];
  const visit = (tensors: readonly Tensor[]) => {
    const nodes = [...new Set(tensors.map(({ node }) => node))].sort((a, b) => a.id - b.id);
    for (const node of nodes) if (!entered.has(node)) stack.push({ node, expanded: false });
  };
  visit(outputs);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, expanded } = top;
    if (expanded) {
      done.add(node);
    } else if (!entered.has(node)) {
      entered.add(node);
      stack.push({ node, expanded: true });
      visit(node.inputs.slice(...readInputs(node)));
    }
  }
  return [...done];
}

/** Range of the inputs that a node really reads. */
function readInputs({ operation, outputs }: TraceNode): [number, number?] {
  const first = passOn[operation.name];
  return first === undefined ? [0] : [first, first + outputs.length];
}

/** For every value the one whose memory it shares: itself, unless it is passed on. */
function assignBuffers(order: readonly TraceNode[]): Map<Tensor, Tensor> {
  const buffers = new Map<Tensor, Tensor>();
  for (const node of order) {
    const first = passOn[node.operation.name];
    node.outputs.forEach((output, index) => {
      buffers.set(output, first === undefined ? output : buffers.get(node.inputs[first + index]!)!);
    });
  }
  return buffers;
}

function readBuffers(node: TraceNode, buffers: ReadonlyMap<Tensor, Tensor>): Set<Tensor> {
  return new Set(node.inputs.slice(...readInputs(node)).map((tensor) => buffers.get(tensor)!));
}

/** How many nodes read each buffer. Passing on is no reading. */
function countUses(order: readonly TraceNode[], buffers: ReadonlyMap<Tensor, Tensor>): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const node of order) {
    if (passOn[node.operation.name] !== undefined) continue;
    for (const buffer of readBuffers(node, buffers)) uses.set(buffer, (uses.get(buffer) ?? 0) + 1);
  }
  return uses;
}

/** Takes one use off every buffer that `node` reads; gives those that nothing reads any more. */
function lastUses(node: TraceNode, buffers: ReadonlyMap<Tensor, Tensor>, uses: Map<Tensor, number>): Tensor[] {
  if (passOn[node.operation.name] !== undefined) return [];
  return [...readBuffers(node, buffers)].filter((buffer) => {
    const left = uses.get(buffer)! - 1;
    uses.set(buffer, left);
    return left === 0;
  });
}

function byteSize({ dtype, shape }: TensorType, symbols: ReadonlyMap<string, number>): number {
  return shape.reduce<number>((product, dimension) => {
    const extent = evaluateDimension(dimension, symbols);
    if (extent === undefined) {
      throw new CompileError(`estimateMemory: the extent '${dimension}' is not known; give a value for its symbols`);
    }
    return product * extent;
  }, bytesPerElement(dtype));
}

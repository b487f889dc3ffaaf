import { evaluateDimension } from './dimension.ts';
import { bytesPerElement } from './dtype.ts';
import { CompileError } from './errors.ts';
import { readInputs } from './operation.ts';
import {
  constantOperation,
  inputOperation,
  type WeightAttributes,
  weightOperation,
} from './operations/leaf.ts';
import type { Tensor, TraceNode } from './tensor.ts';
import type { TensorType } from './tensor-type.ts';

/** What the graph behind some outputs takes when it runs, in bytes. */
export interface GraphMemory {
  /** The most that intermediate values and outputs take at one time; inputs and weights are not among them. */
  readonly peak: number;
  /** Outputs, which live until the run ends. */
  readonly outputs: number;
  /** Weights in files, each region once; without tables of which only some rows are read. */
  readonly weights: number;
  /** Weights in files, once for each way of multiplying by them: what `prepackWeights` makes copies for. */
  readonly products: number;
  /** Tables in files of which only some rows are read, and that no other operation reads, in bytes; each region once. */
  readonly tables: number;
  /** Nodes of the trace. */
  readonly nodes: number;
}

/**
 * Estimates the memory of a graph by walking it as ONNX Runtime runs it, every value freed after its last use. Nothing
 * is compiled or run. What the runtime writes in place counts twice, what its arena loses to gaps is left out.
 *
 * @param extents values of the symbolic dimensions
 * @throws CompileError when the extent of a value cannot be told from them.
 */
export function estimateMemory(
  outputs: readonly Tensor[],
  extents: Readonly<Record<string, number>>,
): GraphMemory {
  const order = executionOrder(outputs);
  return {
    ...valuesOf(order, outputs, new Map(Object.entries(extents))),
    ...weightsOf(order),
    nodes: order.length,
  };
}

function valuesOf(
  order: readonly TraceNode[],
  outputs: readonly Tensor[],
  symbols: ReadonlyMap<string, number>,
): Pick<GraphMemory, 'peak' | 'outputs'> {
  const buffers = assignBuffers(order);
  const uses = countUses(order, buffers);
  // The runtime copies outputs out when the run is over, also into memory that it is given.
  const kept = new Set(outputs.map((tensor) => buffers.get(tensor)!));
  const held = new Map<Tensor, number>();
  let [live, peak] = [0, 0];
  for (const node of order) {
    if (isLeaf(node)) continue;
    const fresh = node.outputs.filter((output) => buffers.get(output) === output);
    for (const output of fresh) {
      held.set(output, byteSize(output, symbols));
      live += held.get(output)!;
    }
    peak = Math.max(peak, live);
    for (const buffer of [...lastUses(node, buffers, uses), ...fresh.filter((output) => !uses.has(output))]) {
      if (kept.has(buffer)) continue;
      live -= held.get(buffer) ?? 0;
      held.delete(buffer);
    }
  }
  return { peak, outputs: [...held.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

function weightsOf(order: readonly TraceNode[]): Pick<GraphMemory, 'weights' | 'products' | 'tables'> {
  const read = new Map<string, number>();
  const gathered = new Map<string, number>();
  const arranged = new Map<string, number>();
  for (const { operation, attributes, inputs } of order) {
    for (const { node: source } of inputs) {
      if (!is(source, weightOperation)) continue;
      const { region } = source.attributes as WeightAttributes;
      const place = `${region.file}:${region.offset}`;
      if (operation.name === 'gather') {
        gathered.set(place, region.byteLength);
        continue;
      }
      read.set(place, region.byteLength);
      const isProduct = operation.name === 'matmul' || operation.name === 'quantizedMatmul';
      if (isProduct)
        arranged.set(`${place} ${operation.name} ${JSON.stringify(attributes)}`, region.byteLength);
    }
  }
  for (const place of read.keys()) gathered.delete(place);
  const total = (bytes: ReadonlyMap<string, number>) =>
    [...bytes.values()].reduce((sum, each) => sum + each, 0);
  return { weights: total(read), products: total(arranged), tables: total(gathered) };
}

const is = (node: TraceNode, operation: unknown) => (node.operation as unknown) === operation;
const isLeaf = (node: TraceNode) =>
  is(node, inputOperation) || is(node, weightOperation) || is(node, constantOperation);

/**
 * Nodes in the order in which ONNX Runtime runs them: depth first from the results that nothing else reads, of several
 * the one traced last first, and so among a node's inputs.
 */
function executionOrder(outputs: readonly Tensor[]): TraceNode[] {
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
      visit(readInputs(node));
    }
  }
  return [...done];
}

/** For every value the one whose memory it shares: itself, unless it is passed on. */
function assignBuffers(order: readonly TraceNode[]): Map<Tensor, Tensor> {
  const buffers = new Map<Tensor, Tensor>();
  for (const node of order) {
    const first = node.operation.passesOn;
    node.outputs.forEach((output, index) => {
      buffers.set(output, first === undefined ? output : buffers.get(node.inputs[first + index]!)!);
    });
  }
  return buffers;
}

function readBuffers(node: TraceNode, buffers: ReadonlyMap<Tensor, Tensor>): Set<Tensor> {
  return new Set(readInputs(node).map((tensor) => buffers.get(tensor)!));
}

/** How many nodes read each buffer. Passing on is no reading. */
function countUses(order: readonly TraceNode[], buffers: ReadonlyMap<Tensor, Tensor>): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const node of order) {
    if (node.operation.passesOn !== undefined) continue;
    for (const buffer of readBuffers(node, buffers)) uses.set(buffer, (uses.get(buffer) ?? 0) + 1);
  }
  return uses;
}

/** Takes one use off every buffer that `node` reads; gives those that nothing reads any more. */
function lastUses(
  node: TraceNode,
  buffers: ReadonlyMap<Tensor, Tensor>,
  uses: Map<Tensor, number>,
): Tensor[] {
  if (node.operation.passesOn !== undefined) return [];
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
      throw new CompileError(
        `estimateMemory: the extent '${dimension}' is not known; give a value for its symbols`,
      );
    }
    return product * extent;
  }, bytesPerElement(dtype));
}

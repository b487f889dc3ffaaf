import { applyOperation } from './operation.ts';
import type { Tensor, TraceNode } from './tensor.ts';

/**
 * The graph behind `outputs`, traced again with some of its nodes replaced. The order of the new nodes depends on the
 * graph's form alone, not on when its parts were first traced.
 *
 * @param replace what stands in for a node's outputs; undefined: the node is copied
 */
export function rebuild(
  outputs: readonly Tensor[],
  replace: (node: TraceNode) => readonly Tensor[] | undefined,
): Tensor[] {
  const rebuilt = new Map<TraceNode, readonly Tensor[]>();
  // Depth first with a stack of its own: graphs are deeper than JavaScript's.
  const stack: { readonly node: TraceNode; readonly expanded: boolean }[] = [];
  const visit = (tensors: readonly Tensor[]) => {
    for (let index = tensors.length - 1; index >= 0; index--) stack.push({ node: tensors[index]!.node, expanded: false });
  };
  visit(outputs);
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { node, expanded } = top;
    if (rebuilt.has(node)) continue;
    if (expanded) {
      const inputs = node.inputs.map((tensor) => rebuilt.get(tensor.node)![tensor.outputIndex]!);
      rebuilt.set(node, applyOperation(node.operation, inputs, node.attributes as never));
      continue;
    }
    const replacement = replace(node);
    if (replacement !== undefined) {
      rebuilt.set(node, replacement);
      continue;
    }
    stack.push({ node, expanded: true });
    visit(node.inputs);
  }
  return outputs.map(({ node, outputIndex }) => rebuilt.get(node)![outputIndex]!);
}

/** Those of `candidates` that `outputs` are computed from. */
export function tensorsBehind(outputs: readonly Tensor[], candidates: readonly Tensor[]): Tensor[] {
  const behind = new Set<Tensor>(outputs);
  const stack = [...outputs];
  for (let tensor = stack.pop(); tensor !== undefined; tensor = stack.pop()) {
    for (const each of tensor.node.inputs) {
      if (behind.has(each)) continue;
      behind.add(each);
      stack.push(each);
    }
  }
  return candidates.filter((candidate) => behind.has(candidate));
}

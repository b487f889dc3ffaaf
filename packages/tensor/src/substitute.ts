import { ancestors } from './grad.ts';
import { applyOperation } from './operation.ts';
import type { Tensor, TraceNode } from './tensor.ts';

/**
 * The graph behind `outputs`, traced again in the same order with some of its nodes replaced. A replacement takes its
 * place where it is first used, so that the new order does not depend on when leaves were made.
 *
 * @param replace what stands in for a node's outputs; undefined: the node is copied
 */
export function rebuild(
  outputs: readonly Tensor[],
  replace: (node: TraceNode) => readonly Tensor[] | undefined,
): Tensor[] {
  const rebuilt = new Map<TraceNode, readonly Tensor[]>();
  const copy = (node: TraceNode): readonly Tensor[] =>
    replace(node) ?? applyOperation(node.operation, node.inputs.map(rebuildTensor), node.attributes as never);
  const rebuildTensor = ({ node, outputIndex }: Tensor): Tensor => {
    const copied = rebuilt.get(node) ?? copy(node);
    rebuilt.set(node, copied);
    return copied[outputIndex]!;
  };
  for (const node of ancestors(outputs.map((tensor) => tensor.node))) {
    if (node.inputs.length > 0 && !rebuilt.has(node)) rebuilt.set(node, copy(node));
  }
  return outputs.map(rebuildTensor);
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

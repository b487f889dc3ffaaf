import { describe, expect, it } from 'vitest';
import { checkpoint } from '../checkpoint.ts';
import { gradients } from '../grad.ts';
import { crossEntropy } from '../operations/cross-entropy.ts';
import { input } from '../operations/leaf.ts';
import { matmul } from '../operations/linalg.ts';
import { sum } from '../operations/reduce.ts';
import { tensorType } from '../signature.ts';
import type { Tensor } from '../tensor.ts';
import { lowerNodes, nodesBehind } from './lower.ts';

const signature = {
  rows: tensorType('float32', ['n', 4]),
  head: tensorType('float32', [4, 9]),
  labels: tensorType('int64', ['n']),
};
const rows = input('rows', signature.rows);
const head = input('head', signature.head);
const labels = input('labels', signature.labels);

function graphOf(outputs: Record<string, Tensor>) {
  const { graph } = lowerNodes(nodesBehind(outputs), signature, outputs, () => ({ bytes: new Uint8Array() }));
  return graph;
}

describe('the ONNX graph', () => {
  const [loss] = checkpoint((hidden) => [crossEntropy(matmul(hidden, head), labels)], [rows]);
  const [gradient] = gradients(sum(loss!), [rows]);

  it('has no node that no output needs: of a loss that is computed again, the probabilities alone', () => {
    const alone = graphOf({ gradient: gradient! });
    const read = new Set(alone.nodes.flatMap(({ inputs }) => inputs));
    for (const { operator, outputs } of alone.nodes)
      expect(
        outputs.some((name) => read.has(name) || name === 'gradient'),
        operator,
      ).toBe(true);
    for (const { name } of alone.initializers) expect(read).toContain(name);
    const counted = (operator: string) => alone.nodes.filter((node) => node.operator === operator).length;
    expect(counted('Softmax')).toBeGreaterThan(0);
    expect(counted('Log')).toBe(0);
    expect(counted('GatherElements')).toBe(0);
  });

  it('keeps what an output needs, in the order of the trace', () => {
    const { nodes } = graphOf({ loss: loss! });
    const operators = nodes.map(({ operator }) => operator);
    for (const operator of ['ReduceMax', 'Log', 'GatherElements']) expect(operators).toContain(operator);
    expect(operators.indexOf('Softmax')).toBeLessThan(operators.indexOf('Log'));
  });
});

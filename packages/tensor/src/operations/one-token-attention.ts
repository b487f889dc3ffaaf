import type { Dimension } from '../dimension.ts';
import type { GraphWriter } from '../onnx/graph-writer.ts';
import type { LoweringSite, Operation } from '../tensor.ts';
import type { CachedAttentionOptions } from './cached-attention-options.ts';

/**
 * Attention of one new token a row over a cache, on merged heads, inputs as `cachedAttention`'s kernel has them. That kernel makes
 * the new cache first: it clears and copies all of the old one, once for each head of queries. Here the scores of what
 * is cached and the token's own stand side by side, and the cache is only read: a third less time for long texts.
 */
export const oneTokenAttentionOperation: Operation<CachedAttentionOptions> = {
  name: 'oneTokenAttention',
  infer: ([query]) => [query!],
  lower: (site) => {
    const { graph, inputs, inputTypes, outputs, attributes } = site;
    const [query, key, value, keys, values] = inputs as [string, string, string, string, string];
    const width = inputTypes[0]!.shape[2] as number;
    const [, kvHeads, , headDim] = inputTypes[3]!.shape as [Dimension, number, Dimension, number];
    const byHead = (merged: string, count: number) =>
      graph.value('Reshape', [merged, graph.runtimeIntegers([0, kvHeads, count, headDim])]);
    // Heads of queries that share a head of keys are rows of one product.
    const queries = byHead(query, width / headDim / kvHeads);
    const scale = attributes.scale ?? 1 / Math.sqrt(headDim);
    const [cached, own] = [keys, byHead(key, 1)].map((those) =>
      graph.value(
        'FusedMatMul',
        [queries, those],
        { transA: { int: 0 }, transB: { int: 1 }, alpha: { float: scale } },
        'com.microsoft',
      ),
    );
    const last = { axis: { int: 3 } };
    const scores = capped(graph, graph.value('Concat', [cached!, own!], last), attributes.softCap);
    const shares = graph.value('Softmax', [graph.value('Add', [scores, visible(site)])], last);
    const part = (from: number, to: number) =>
      graph.value('Slice', [shares, ...[from, to, 3].map((at) => graph.integers([at]))]);
    const attended = graph.value('Add', [
      graph.value('MatMul', [part(0, -1), values]),
      graph.value('Mul', [part(-1, Number.MAX_SAFE_INTEGER), byHead(value, 1)]),
    ]);
    graph.node('Reshape', [attended, graph.runtimeIntegers([0, 1, width])], outputs);
  },
};

function capped(graph: GraphWriter, scores: string, cap: number | undefined): string {
  if (cap === undefined) return scores;
  const bounded = graph.value('Tanh', [graph.value('Mul', [scores, graph.scalar(1 / cap)])]);
  return graph.value('Mul', [bounded, graph.scalar(cap)]);
}

/** 0 for the slots that a row's token sees, and for itself behind them, and -1e9 for the others: [batch, 1, 1, capacity + 1]. */
function visible(site: LoweringSite<CachedAttentionOptions>): string {
  const { graph, inputs, inputTypes, attributes } = site;
  const { window } = attributes;
  const capacity = inputTypes[3]!.shape[2]!;
  return graph.shared(`slots of ${capacity} that ${inputs[5]} sees in ${window}`, () => {
    const used = graph.value('Unsqueeze', [inputs[5]!, graph.integers([1])]);
    const slots = graph.value('Range', [graph.integer(0), graph.extent(capacity), graph.integer(1)]);
    let seen = graph.value('Less', [slots, used]);
    if (window !== undefined) {
      const before = graph.value('Sub', [used, graph.integer(window)]);
      seen = graph.value('And', [seen, graph.value('Greater', [slots, before])]);
    }
    const bias = graph.value('Where', [seen, graph.scalar(0), graph.scalar(-1e9)]);
    const withOwn = graph.value('Pad', [bias, graph.integers([0, 0, 0, 1])]);
    return graph.value('Unsqueeze', [withOwn, graph.integers([1, 2])]);
  });
}

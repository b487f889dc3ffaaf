import { type Dimension, describeShape, sameShape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import type { GraphWriter } from '../onnx/graph-writer.ts';
import { applyOperation, applySingle, requireDtype } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import { attention } from './attention.ts';
import { broadcastTo } from './broadcast.ts';
import type { CachedAttentionOptions } from './cached-attention-options.ts';
import { add, greater, greaterOrEqual, lessOrEqual, logicalAnd, subtract, where } from './elementwise.ts';
import { takeAlong } from './indexing.ts';
import { oneTokenAttentionOperation } from './one-token-attention.ts';
import { rotaryOfMergedHeads, turnedBy } from './rotary.ts';
import { concatenate, range, reshape, transpose } from './shape.ts';

export type { CachedAttentionOptions } from './cached-attention-options.ts';

/** Keys and values, of which attention takes as many as there are: both [batch, kvHeads, slots, headDim]. */
export interface KeysAndValues {
  readonly key: Tensor;
  readonly value: Tensor;
}

/** What {@link cachedAttention} gives. */
export interface CachedAttention extends KeysAndValues {
  /** [batch, heads, queries, headDim] */
  readonly attended: Tensor;
  /** What the cache gets of the new tokens, for who puts it there without a run: [batch, queries, kvHeads * headDim]. */
  readonly added: KeysAndValues;
}

/**
 * Causal attention over a cache of keys and values that is longer than what it holds, and the cache with the new keys and
 * values in it: row b's go to the slots from `used[b]` on, and its queries see the slots up to their own. The new cache
 * may be written over the old one (`into` at a run, with the arrays that went in): nothing is copied then, and a step's
 * cost does not grow with the room that is left.
 *
 * Rows may have used different numbers of slots where one new token a row comes in, or none is used yet; several tokens
 * behind used slots come one row at a time: ONNX Runtime refuses the run otherwise. Where it is known while tracing that one
 * token a row comes in (an extent of 1), and the new cache is not asked for, the old one is only read. It has no derivative.
 *
 * @param query [batch, heads, queries, headDim]
 * @param fresh the new tokens' keys and values, [batch, kvHeads, queries, headDim]
 * @param cache [batch, kvHeads, capacity, headDim]; `used[b] + queries` must not be more than the capacity
 * @param used int64 [batch]
 * @throws ShapeError when the shapes do not fit.
 */
export function cachedAttention(
  query: Tensor,
  fresh: KeysAndValues,
  cache: KeysAndValues,
  used: Tensor,
  options: CachedAttentionOptions = {},
): CachedAttention {
  requireShapes(query, fresh, cache, used);
  // The fused kernel takes heads of whole vectors only.
  if ((query.shape[3] as number) % 8 !== 0) return composed(query, fresh, cache, used, options);
  const added = { key: mergeHeads(fresh.key), value: mergeHeads(fresh.value) };
  const inputs = [mergeHeads(query), added.key, added.value, cache.key, cache.value, used];
  const [result, key, value] = applyOperation(cachedAttentionOperation, inputs, options) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const [batch, heads, queries, headDim] = query.shape as [Dimension, number, Dimension, number];
  const merged = queries === 1 ? applySingle(oneTokenAttentionOperation, inputs, options) : result;
  const attended = transpose(reshape(merged, [batch, queries, heads, headDim]), [0, 2, 1, 3]);
  return { attended, key, value, added };
}

/**
 * [batch, heads, queries, headDim] to the kernel's [batch, queries, heads * headDim]. That is how linear layers give them: a
 * model's splitting of heads is undone here, rather than computed and undone at every token.
 */
function mergeHeads(x: Tensor): Tensor {
  const turned = turnedBy(x);
  if (turned !== undefined) {
    const [unturned, cosine, sine] = turned;
    return rotaryOfMergedHeads(mergeHeads(unturned), cosine, sine);
  }
  const [batch, heads, queries, headDim] = x.shape as [Dimension, number, Dimension, number];
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, queries, heads * headDim]);
}

function requireShapes(query: Tensor, fresh: KeysAndValues, cache: KeysAndValues, used: Tensor): void {
  const [batch, heads, queries, headDim] = query.shape as [Dimension, Dimension, Dimension, Dimension];
  const [, kvHeads, capacity] = [fresh.key.shape[0], fresh.key.shape[1]!, cache.key.shape[2]!];
  requireDtype('cachedAttention', [query, fresh.key, fresh.value, cache.key, cache.value], 'float32');
  requireDtype('cachedAttention', [used], 'int64');
  const fits =
    query.rank === 4 &&
    typeof headDim === 'number' &&
    typeof heads === 'number' &&
    typeof kvHeads === 'number' &&
    heads % kvHeads === 0 &&
    [fresh.key, fresh.value].every(({ shape }) => sameShape(shape, [batch, kvHeads, queries, headDim])) &&
    [cache.key, cache.value].every(({ shape }) => sameShape(shape, [batch, kvHeads, capacity, headDim])) &&
    sameShape(used.shape, [batch]);
  if (fits) return;
  throw new ShapeError(
    'cachedAttention',
    `query ${describeShape(query.shape)} must be [batch, heads, queries, headDim], new keys ` +
      `${describeShape(fresh.key.shape)} and values ${describeShape(fresh.value.shape)} [batch, kvHeads, queries, headDim], ` +
      `their caches ${describeShape(cache.key.shape)} and ${describeShape(cache.value.shape)} [batch, kvHeads, capacity, ` +
      `headDim], used ${describeShape(used.shape)} [batch], heads a multiple of kvHeads`,
  );
}

/** On merged heads; the caches tell their sizes. */
const cachedAttentionOperation: Operation<CachedAttentionOptions> = {
  name: 'cachedAttention',
  infer: ([query, , , key, value]) => [query!, key!, value!],
  lower: ({ graph, inputs, inputTypes, outputs, attributes: { scale, window, softCap } }) => {
    const [, queries, width] = inputTypes[0]!.shape as [Dimension, Dimension, number];
    const [, kvHeads, , headDim] = inputTypes[3]!.shape as [Dimension, number, Dimension, number];
    const { lastSlots, total } = slotCounts(graph, inputs[5]!, queries);
    graph.node(
      'GroupQueryAttention',
      [...inputs.slice(0, 5), lastSlots, total],
      outputs,
      {
        num_heads: { int: width / headDim },
        kv_num_heads: { int: kvHeads },
        scale: { float: scale ?? 1 / Math.sqrt(headDim) },
        local_window_size: { int: window ?? -1 },
        softcap: { float: softCap ?? 0 },
      },
      'com.microsoft',
    );
  },
};

/** The last slot that each row will have used, int32 [batch], and the largest number of them, int32 scalar; one for all layers. */
function slotCounts(graph: GraphWriter, used: string, queries: Dimension) {
  const shared = (what: string, make: () => string) =>
    graph.shared(`${what} of ${used} and ${queries}`, make);
  const toInt32 = (value: string) => graph.value('Cast', [value], { to: { int: 6 } });
  const before = shared('slots', () => toInt32(used));
  const added = shared('queries', () => toInt32(graph.extent(queries)));
  return {
    lastSlots: shared('last slots', () =>
      graph.value('Sub', [graph.value('Add', [before, added]), graph.scalar(1, 'int32')]),
    ),
    total: shared('most slots', () =>
      graph.value('Add', [graph.value('ReduceMax', [before], { keepdims: { int: 0 } }), added]),
    ),
  };
}

/** The same of ordinary operations: it makes the cache anew. */
function composed(
  query: Tensor,
  fresh: KeysAndValues,
  cache: KeysAndValues,
  used: Tensor,
  { scale, window, softCap }: CachedAttentionOptions,
): CachedAttention {
  const [batch, , queries] = query.shape as [Dimension, Dimension, Dimension];
  const shape = cache.key.shape;
  const capacity = shape[2]!;
  const slots = range(capacity);
  const first = reshape(used, [batch, 1]);
  // Which of the new tokens a slot takes, if it takes one.
  const index = subtract(slots, first);
  const taken = logicalAnd(greaterOrEqual(index, 0), lessOrEqual(index, subtract(range(1, queries), 1)));
  const source = where(taken, add(index, range(1, capacity)), slots);
  const sources = broadcastTo(reshape(source, [batch, 1, capacity, 1]), shape);
  const key = takeAlong(concatenate([cache.key, fresh.key], 2), sources, 2);
  const value = takeAlong(concatenate([cache.value, fresh.value], 2), sources, 2);
  const own = reshape(add(first, range(queries)), [batch, queries, 1]);
  const causal = lessOrEqual(slots, own);
  const visible = window === undefined ? causal : logicalAnd(causal, greater(slots, subtract(own, window)));
  const bias = reshape(where(visible, 0, -1e9), [batch, 1, 1, queries, capacity]);
  const attended = attention(query, key, value, {
    bias,
    ...(scale === undefined ? {} : { scale }),
    ...(softCap === undefined ? {} : { softCap }),
  });
  return { attended, key, value, added: { key: mergeHeads(fresh.key), value: mergeHeads(fresh.value) } };
}

import { type Dimension, reshape, split, type Tensor } from '@safetune/tensor';
import type { LinearPlace } from '../linear.ts';
import type { BlockContext } from './block-context.ts';
import type { ModuleTensors } from './module.ts';

/** How attention gets its queries, keys and values. */
export interface QueryKeyValue extends ModuleTensors {
  /** x [batch, seq, hidden] to three tensors [batch, seq, heads * headSize], head by head. */
  trace(
    x: Tensor,
    context: BlockContext,
  ): { readonly query: Tensor; readonly key: Tensor; readonly value: Tensor };
}

/** Three linear layers. */
export function separateQueryKeyValue(
  query: LinearPlace,
  key: LinearPlace,
  value: LinearPlace,
): QueryKeyValue {
  return {
    tensors: [],
    linears: [query, key, value],
    trace: (x, { linear }) => ({ query: linear(x, query), key: linear(x, key), value: linear(x, value) }),
  };
}

/** One linear layer, whose features are those of all queries, then of all keys, then of all values: so many of each. */
export function fusedQueryKeyValue(
  place: LinearPlace,
  extents: readonly [number, number, number],
): QueryKeyValue {
  return {
    tensors: [],
    linears: [place],
    trace(x, { linear }) {
      const [query, key, value] = split(linear(x, place), -1, extents);
      return { query: query!, key: key!, value: value! };
    },
  };
}

/** One linear layer, whose features are query, key and value of the first head, then of the second, and so on. */
export function interleavedQueryKeyValue(place: LinearPlace, headSize: number): QueryKeyValue {
  const heads = place.outFeatures / (3 * headSize);
  return {
    tensors: [],
    linears: [place],
    trace(x, { linear }) {
      const [batch, length] = x.shape as [Dimension, Dimension];
      const byHead = reshape(linear(x, place), [batch, length, heads, 3 * headSize]);
      const parts = split(byHead, -1, [headSize, headSize, headSize]);
      const [query, key, value] = parts.map((part) => reshape(part, [batch, length, heads * headSize]));
      return { query: query!, key: key!, value: value! };
    },
  };
}

import {
  attention,
  concatenate,
  contiguousData,
  greater,
  greaterOrEqual,
  type HostArray,
  hostArray,
  lessOrEqual,
  logicalAnd,
  maximum,
  range,
  reshape,
  subtract,
  type Tensor,
  type TensorType,
  tensorType,
  where,
} from '@safetune/tensor';
import type { AttentionContext } from '../causal-lm.ts';
import type { ModelConfig } from '../config.ts';

/**
 * The key-value cache. Rows of a batch end at the same slot: shorter prompts have `padding` unused slots at their
 * left, so that every new token goes to the same slot of all rows.
 */

/** Names of a layer's cache: what goes into a run, and what comes out, one run's tokens longer. */
export function cacheNames(layer: number) {
  return {
    key: { past: `past.${layer}.key`, next: `next.${layer}.key` },
    value: { past: `past.${layer}.value`, next: `next.${layer}.value` },
  };
}

/** Types of the cache's inputs: [batch, keyValueHeads, past, headSize] each. */
export function cacheSignature(config: ModelConfig): Record<string, TensorType> {
  const type = tensorType('float32', ['batch', config.keyValueHeadCount, 'past', config.headSize]);
  return Object.fromEntries(
    layers(config).flatMap((layer) => {
      const { key, value } = cacheNames(layer);
      return [
        [key.past, type],
        [value.past, type],
      ];
    }),
  );
}

/** Which output becomes which input of the next run. */
export function cacheCarry(config: ModelConfig): Record<string, string> {
  return Object.fromEntries(
    layers(config).flatMap((layer) => {
      const { key, value } = cacheNames(layer);
      return [
        [key.next, key.past],
        [value.next, value.past],
      ];
    }),
  );
}

/** A cache of no slots for `batch` rows. */
export function emptyCache(config: ModelConfig, batch: number): Record<string, HostArray> {
  const empty = hostArray(new Float32Array(0), [batch, config.keyValueHeadCount, 0, config.headSize]);
  return Object.fromEntries(Object.keys(cacheSignature(config)).map((name) => [name, empty]));
}

/** A copy of the cache with the given rows only, without its first `slots` slots. */
export function keepRows(
  cache: Readonly<Record<string, HostArray>>,
  rows: readonly number[],
  slots: number,
): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(cache).map(([name, array]) => {
      const [, heads, past, headSize] = array.shape as [number, number, number, number];
      const data = contiguousData(array) as Float32Array;
      const size = (past - slots) * headSize;
      const kept = new Float32Array(rows.length * heads * size);
      rows.forEach((row, index) => {
        for (let head = 0; head < heads; head++) {
          const start = ((row * heads + head) * past + slots) * headSize;
          kept.set(data.subarray(start, start + size), (index * heads + head) * size);
        }
      });
      return [name, hostArray(kept, [rows.length, heads, past - slots, headSize])];
    }),
  );
}

/** The traced cache: how new tokens attend over it, and the longer cache that comes out. */
export interface TracedCache {
  readonly attention: AttentionContext;
  /** Filled while the model is traced. */
  readonly next: Record<string, Tensor>;
}

/**
 * Traces attention over the cache.
 *
 * @param inputs the traced inputs of {@link cacheSignature}
 * @param padding unused slots at the left of each row, int64 [batch]
 */
export function traceCache(inputs: Readonly<Record<string, Tensor>>, padding: Tensor): TracedCache {
  const slots = range('seq', 'past');
  const first = reshape(padding, ['batch', 1]);
  const next: Record<string, Tensor> = {};
  const biases = new Map<number | undefined, Tensor>();
  return {
    next,
    attention: {
      positions: maximum(subtract(slots, first), 0),
      attend: (layer, query, fresh, { window, ...scores }) => {
        const { key, value } = cacheNames(layer);
        next[key.next] = concatenate([inputs[key.past]!, fresh.key], 2);
        next[value.next] = concatenate([inputs[value.past]!, fresh.value], 2);
        const bias = biases.get(window) ?? visibleBias(slots, padding, window);
        biases.set(window, bias);
        return attention(query, next[key.next]!, next[value.next]!, { bias, ...scores });
      },
    },
  };
}

/**
 * 0 where the key's slot is neither padding nor after the query's nor out of its window, else -1e9: [batch, 1, 1, seq, past +
 * seq].
 */
function visibleBias(slots: Tensor, padding: Tensor, window: number | undefined): Tensor {
  const keys = range('past+seq');
  const queries = reshape(slots, ['seq', 1]);
  const causal = lessOrEqual(keys, queries);
  const near = window === undefined ? causal : logicalAnd(causal, greater(keys, subtract(queries, window)));
  const real = greaterOrEqual(keys, reshape(padding, ['batch', 1, 1, 1, 1]));
  return where(logicalAnd(near, real), 0, -1e9);
}

function layers(config: ModelConfig): number[] {
  return Array.from({ length: config.layerCount }, (_, layer) => layer);
}

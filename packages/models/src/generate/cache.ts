import {
  add,
  cachedAttention,
  type HostArray,
  hostArray,
  range,
  reshape,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import type { AttentionContext } from '../causal-lm.ts';
import type { ModelConfig } from '../config.ts';

/** The parts of a model's config that its cache is made of. */
export type CacheShape = Pick<ModelConfig, 'layerCount' | 'keyValueHeadCount' | 'headSize'>;

/** Names of the cache's tensors as a run takes them, two a layer. */
export function cacheNames({ layerCount }: Pick<CacheShape, 'layerCount'>): string[] {
  return Array.from({ length: layerCount }, (_, layer) => [
    `cache.${layer}.key`,
    `cache.${layer}.value`,
  ]).flat();
}

/** And as it gives them. */
function extendedName(name: string): string {
  return `${name}.extended`;
}

/** Types of the cache's inputs: [batch, keyValueHeads, capacity, headSize] each. */
export function cacheSignature(shape: CacheShape): Record<string, TensorType> {
  const type = tensorType('float32', ['batch', shape.keyValueHeadCount, 'capacity', shape.headSize]);
  return Object.fromEntries(cacheNames(shape).map((name) => [name, type]));
}

/** The traced cache: how new tokens attend over it, and what becomes of it. */
export interface TracedCache {
  readonly attention: AttentionContext;
  /** Filled while the model is traced. */
  readonly extended: Record<string, Tensor>;
}

/**
 * Traces attention over the cache.
 *
 * @param inputs the traced inputs of {@link cacheSignature}
 * @param used slots of each row that hold a token, int64 [batch]
 */
export function traceCache(inputs: Readonly<Record<string, Tensor>>, used: Tensor): TracedCache {
  const extended: Record<string, Tensor> = {};
  return {
    extended,
    attention: {
      positions: add(reshape(used, ['batch', 1]), range('seq')),
      attend: (layer, query, fresh, options) => {
        const [key, value] = [`cache.${layer}.key`, `cache.${layer}.value`];
        const cache = { key: inputs[key]!, value: inputs[value]! };
        const result = cachedAttention(query, fresh, cache, used, options);
        extended[extendedName(key)] = result.key;
        extended[extendedName(value)] = result.value;
        return result.attended;
      },
    },
  };
}

/**
 * Keys and values of `rows` texts of up to `capacity` tokens each, in memory that runs extend in place. Slots that hold no
 * token hold anything.
 */
export class KeyValueCache {
  readonly rows: number;
  readonly capacity: number;
  readonly #shape: CacheShape;
  readonly #names: readonly string[];
  readonly #arrays: readonly Float32Array[];

  constructor(shape: CacheShape, rows: number, capacity: number) {
    this.rows = rows;
    this.capacity = capacity;
    this.#shape = shape;
    this.#names = cacheNames(shape);
    const size = rows * shape.keyValueHeadCount * capacity * shape.headSize;
    this.#arrays = this.#names.map(() => new Float32Array(size));
  }

  /** Inputs of a run over `count` rows from `first` on, and where it puts its outputs: the same memory. */
  bind(first: number, count: number): { inputs: Record<string, HostArray>; into: Record<string, HostArray> } {
    const { keyValueHeadCount, headSize } = this.#shape;
    const row = keyValueHeadCount * this.capacity * headSize;
    const inputs: Record<string, HostArray> = {};
    const into: Record<string, HostArray> = {};
    for (const [index, name] of this.#names.entries()) {
      const data = this.#arrays[index]!.subarray(first * row, (first + count) * row);
      const view = hostArray(data, [count, keyValueHeadCount, this.capacity, headSize]);
      inputs[name] = view;
      into[extendedName(name)] = view;
    }
    return { inputs, into };
  }

  /** Copies the first `slots` slots of a row of another cache of this shape, or of this one, to a row of this one. */
  copyRow(from: KeyValueCache, source: number, target: number, slots: number): void {
    const { keyValueHeadCount, headSize } = this.#shape;
    for (const [index, array] of this.#arrays.entries()) {
      for (let head = 0; head < keyValueHeadCount; head++) {
        const start = (source * keyValueHeadCount + head) * from.capacity * headSize;
        const kept = from.#arrays[index]!.subarray(start, start + slots * headSize);
        array.set(kept, (target * keyValueHeadCount + head) * this.capacity * headSize);
      }
    }
  }
}

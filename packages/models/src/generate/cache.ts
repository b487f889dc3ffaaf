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

/** And what it gives to be added to them. */
function addedName(name: string): string {
  return `${name}.added`;
}

/** Types of the cache's inputs: [batch, keyValueHeads, capacity, headSize] each. */
export function cacheSignature(shape: CacheShape): Record<string, TensorType> {
  const type = tensorType('float32', ['batch', shape.keyValueHeadCount, 'capacity', shape.headSize]);
  return Object.fromEntries(cacheNames(shape).map((name) => [name, type]));
}

/** The traced cache: how new tokens attend over it, and what they add to it. */
export interface TracedCache {
  readonly attention: AttentionContext;
  /** Filled while the model is traced. */
  readonly added: Record<string, Tensor>;
}

/**
 * Traces attention over the cache.
 *
 * @param inputs the traced inputs of {@link cacheSignature}
 * @param used slots of each row that hold a token, int64 [batch]
 * @param width new tokens of each row
 */
export function traceCache(
  inputs: Readonly<Record<string, Tensor>>,
  used: Tensor,
  width: 'seq' | 1,
): TracedCache {
  const added: Record<string, Tensor> = {};
  return {
    added,
    attention: {
      positions: add(reshape(used, ['batch', 1]), range(width)),
      attend: (layer, query, fresh, options) => {
        const [key, value] = [`cache.${layer}.key`, `cache.${layer}.value`];
        const cache = { key: inputs[key]!, value: inputs[value]! };
        const result = cachedAttention(query, fresh, cache, used, options);
        added[addedName(key)] = result.added.key;
        added[addedName(value)] = result.added.value;
        return result.attended;
      },
    },
  };
}

type CacheInputs = Readonly<Record<string, HostArray>>;

/** Where tokens of a run's row lie, and where they go. */
interface AddedTokens {
  readonly source: number;
  readonly width: number;
  readonly row: number;
  readonly slot: number;
  readonly count: number;
}

/**
 * Keys and values of `rows` texts of up to `capacity` tokens each, which runs read in place. Slots that hold no
 * token hold anything.
 */
export class KeyValueCache {
  #rows: number;
  #capacity: number;
  readonly #shape: CacheShape;
  readonly #names: readonly string[];
  readonly #arrays: Float32Array[];
  /** The last one: every step of a batch wants the same. */
  #binding: { readonly first: number; readonly count: number; readonly inputs: CacheInputs } | undefined;

  constructor(shape: CacheShape, rows: number, capacity: number) {
    this.#rows = rows;
    this.#capacity = capacity;
    this.#shape = shape;
    this.#names = cacheNames(shape);
    this.#arrays = this.#names.map(() => this.#emptyArray());
  }

  get rows(): number {
    return this.#rows;
  }

  get capacity(): number {
    return this.#capacity;
  }

  /**
   * Changes its size.
   *
   * @param slots how many slots of each row to keep: there will be as many rows, the first ones
   */
  resize(slots: readonly number[], capacity: number): void {
    const { keyValueHeadCount, headSize } = this.#shape;
    const before = this.#capacity;
    this.#rows = slots.length;
    this.#capacity = capacity;
    this.#binding = undefined;
    // Array by array: at no time are there two caches.
    for (const [index, array] of this.#arrays.entries()) {
      const resized = this.#emptyArray();
      for (const [row, count] of slots.entries()) {
        for (let head = row * keyValueHeadCount; head < (row + 1) * keyValueHeadCount; head++) {
          const start = head * before * headSize;
          resized.set(array.subarray(start, start + count * headSize), head * capacity * headSize);
        }
      }
      this.#arrays[index] = resized;
    }
  }

  #emptyArray(): Float32Array {
    return new Float32Array(
      this.#rows * this.#shape.keyValueHeadCount * this.#capacity * this.#shape.headSize,
    );
  }

  /** Inputs of a run over `count` rows from `first` on. */
  inputs(first: number, count: number): CacheInputs {
    if (this.#binding?.first === first && this.#binding.count === count) return this.#binding.inputs;
    const { keyValueHeadCount, headSize } = this.#shape;
    const row = keyValueHeadCount * this.#capacity * headSize;
    const inputs = Object.fromEntries(
      this.#names.map((name, index) => {
        const data = this.#arrays[index]!.subarray(first * row, (first + count) * row);
        return [name, hostArray(data, [count, keyValueHeadCount, this.#capacity, headSize])];
      }),
    );
    this.#binding = { first, count, inputs };
    return inputs;
  }

  /**
   * Adds new tokens of a row. ONNX Runtime's binding copies what a run puts out, also where it is given memory for it: of the
   * whole cache, that would cost more than attention.
   *
   * @param outputs of the run
   * @param source the row's place in the run, of `width` tokens a row
   * @param slot the first slot that they go to
   */
  add(outputs: Readonly<Record<string, HostArray>>, { source, width, row, slot, count }: AddedTokens): void {
    const { keyValueHeadCount, headSize } = this.#shape;
    for (const [index, array] of this.#arrays.entries()) {
      const added = outputs[addedName(this.#names[index]!)]!.data as Float32Array;
      for (let token = 0; token < count; token++) {
        for (let head = 0; head < keyValueHeadCount; head++) {
          const start = ((source * width + token) * keyValueHeadCount + head) * headSize;
          const end = ((row * keyValueHeadCount + head) * this.#capacity + slot + token) * headSize;
          for (let at = 0; at < headSize; at++) array[end + at] = added[start + at]!;
        }
      }
    }
  }

  /** Copies the first `slots` slots of a row of another cache of this shape, or of this one, to a row of this one. */
  copyRow(from: KeyValueCache, source: number, target: number, slots: number): void {
    const { keyValueHeadCount, headSize } = this.#shape;
    for (const [index, array] of this.#arrays.entries()) {
      for (let head = 0; head < keyValueHeadCount; head++) {
        const start = (source * keyValueHeadCount + head) * from.#capacity * headSize;
        const kept = from.#arrays[index]!.subarray(start, start + slots * headSize);
        array.set(kept, (target * keyValueHeadCount + head) * this.#capacity * headSize);
      }
    }
  }
}

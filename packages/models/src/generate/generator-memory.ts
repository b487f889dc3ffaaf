import { contiguousData, type HostArray } from '@safetune/tensor';
import { type CacheShape, KeyValueCache } from './cache.ts';

/** Texts whose keys and values are there: row by row of a cache, the tokens that its slots hold from the first on. */
export interface CachedTexts {
  readonly cache: KeyValueCache;
  readonly texts: readonly (readonly number[])[];
}

/** What a generator keeps of the texts it has computed, so that others that begin alike need not be computed whole. */
export class GeneratorMemory {
  #latest: { readonly holder: { readonly cached: CachedTexts }; readonly adapter: AdapterValues } | undefined;

  /** What is known under the adapter's present values, of which it gives a copy to compare with later. */
  recall(tensors: Readonly<Record<string, HostArray>>): {
    known: CachedTexts | undefined;
    adapter: AdapterValues;
  } {
    const latest = this.#latest;
    if (latest !== undefined && equalsAdapter(latest.adapter, tensors)) {
      return { known: latest.holder.cached, adapter: latest.adapter };
    }
    // Keys and values of other weights are of no use any more.
    this.#latest = undefined;
    return { known: undefined, adapter: copyAdapter(tensors) };
  }

  /** `adapter`: its values before the texts were computed, of {@link recall}. */
  remember(holder: { readonly cached: CachedTexts }, adapter: AdapterValues): void {
    this.#latest = { holder, adapter };
  }

  forget(): void {
    this.#latest = undefined;
  }

  /** Keeps the longest text alone: what a later call may begin with, in the memory of one text. */
  shrink(shape: CacheShape): void {
    if (this.#latest === undefined) return;
    const { cache, texts } = this.#latest.holder.cached;
    if (cache.rows === 1) return;
    const row = texts.reduce((best, text, index) => (text.length > texts[best]!.length ? index : best), 0);
    const text = texts[row]!;
    const alone = new KeyValueCache(shape, 1, text.length);
    alone.copyRow(cache, row, 0, text.length);
    this.#latest = {
      holder: { cached: { cache: alone, texts: [[...text]] } },
      adapter: this.#latest.adapter,
    };
  }
}

type AdapterValues = readonly Float32Array[];

function copyAdapter(tensors: Readonly<Record<string, HostArray>>): AdapterValues {
  return Object.values(tensors).map((array) => (contiguousData(array) as Float32Array).slice());
}

function equalsAdapter(values: AdapterValues, tensors: Readonly<Record<string, HostArray>>): boolean {
  return Object.values(tensors).every((array, index) => {
    const [now, before] = [contiguousData(array) as Float32Array, values[index]!];
    return Buffer.compare(bytesOf(now), bytesOf(before)) === 0;
  });
}

function bytesOf({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/**
 * A map from whole numbers to whole numbers below 2^31 in two typed arrays (open addressing): half a million merges take
 * 12 MB and no objects.
 */
export class NumberTable {
  #keys: Float64Array;
  #values: Int32Array;
  #size = 0;
  /** Keys chosen to collide would make a table slow: nobody knows this number beforehand. */
  readonly #seed = Math.floor(Math.random() * 0x100000000);

  constructor(expected: number) {
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(8, expected * 2)));
    this.#keys = new Float64Array(capacity).fill(-1);
    this.#values = new Int32Array(capacity);
  }

  /** The value of a key, or -1. */
  get(key: number): number {
    const slot = this.#slot(key);
    return this.#keys[slot] === key ? this.#values[slot]! : -1;
  }

  /** @param key not negative, exact in a double */
  set(key: number, value: number): void {
    if (this.#size * 2 >= this.#keys.length) this.#grow();
    const slot = this.#slot(key);
    if (this.#keys[slot] !== key) this.#size++;
    this.#keys[slot] = key;
    this.#values[slot] = value;
  }

  #slot(key: number): number {
    const mask = this.#keys.length - 1;
    const high = Math.floor(key / 0x100000000);
    let hash = Math.imul((key >>> 0) ^ this.#seed ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    hash ^= hash >>> 15;
    let slot = Math.imul(hash, 0xc2b2ae35) >>> 0;
    slot = (slot ^ (slot >>> 16)) & mask;
    while (this.#keys[slot] !== -1 && this.#keys[slot] !== key) slot = (slot + 1) & mask;
    return slot;
  }

  #grow(): void {
    const keys = this.#keys;
    const values = this.#values;
    this.#keys = new Float64Array(keys.length * 2).fill(-1);
    this.#values = new Int32Array(keys.length * 2);
    for (const [index, key] of keys.entries()) {
      if (key === -1) continue;
      const slot = this.#slot(key);
      this.#keys[slot] = key;
      this.#values[slot] = values[index]!;
    }
  }
}

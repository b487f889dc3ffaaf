/** Remembers 64-bit hashes with a number each: 24 to 48 bytes an entry, by open addressing. */
export class SeenHashes {
  #count = 0;
  /** Pairs of 32 bits. */
  #hashes = new Uint32Array(2048);
  /** The number plus 1; 0 where there is none. */
  #numbers = new Uint32Array(1024);

  /** The number that the hash was seen with before; else remembers it with this one. */
  findOrAdd(high: number, low: number, number: number): number | undefined {
    if (this.#count * 2 >= this.#numbers.length) this.#grow();
    const slot = this.#slot(high, low);
    const known = this.#numbers[slot] as number;
    if (known !== 0) return known - 1;
    this.#set(slot, high, low, number + 1);
    this.#count += 1;
    return undefined;
  }

  #slot(high: number, low: number): number {
    const mask = this.#numbers.length - 1;
    let slot = low & mask;
    while (
      this.#numbers[slot] !== 0 &&
      (this.#hashes[slot * 2] !== high || this.#hashes[slot * 2 + 1] !== low)
    ) {
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #set(slot: number, high: number, low: number, stored: number): void {
    this.#hashes[slot * 2] = high;
    this.#hashes[slot * 2 + 1] = low;
    this.#numbers[slot] = stored;
  }

  #grow(): void {
    const [hashes, numbers] = [this.#hashes, this.#numbers];
    this.#hashes = new Uint32Array(hashes.length * 2);
    this.#numbers = new Uint32Array(numbers.length * 2);
    for (const [slot, stored] of numbers.entries()) {
      if (stored === 0) continue;
      const [high, low] = [hashes[slot * 2] as number, hashes[slot * 2 + 1] as number];
      this.#set(this.#slot(high, low), high, low, stored);
    }
  }
}

import { minHash, signatureLength } from './min-hash.ts';
import { mixed } from './words.ts';

/** Texts that agree in all rows of a band are compared: of those of similarity 0.8 it is 95 %, of 0.9 all but one of 10,000. */
const [bands, rows] = [16, 8];
/** Texts of a band that are compared with a new one: the latest. */
const longestChain = 64;

/** An earlier text that is like another. */
export interface SimilarText {
  /** The number that it was added under. */
  readonly id: number;
  /** Estimated Jaccard similarity of the sets of shingles. */
  readonly similarity: number;
}

/**
 * Finds earlier texts that are like a new one, by MinHash signatures of which 8 bits a place are kept (Li and König 2010, "b-bit
 * minwise hashing") and locality-sensitive bands. About 320 bytes a text, of at most `limit` texts; later ones are compared with
 * those, and not added.
 */
export class SimilarTexts {
  readonly #threshold: number;
  readonly #limit: number;
  #count = 0;
  #ids = new Uint32Array(0);
  #signatures = new Uint8Array(0);
  /** [text, band] */
  #bandHashes = new Uint32Array(0);
  /** [text, band]: the text before it in the same bucket, plus 1. */
  #next = new Uint32Array(0);
  /** [band, bucket]: the latest text there, plus 1. */
  #heads = new Uint32Array(0);

  constructor({ threshold, limit }: { readonly threshold: number; readonly limit: number }) {
    this.#threshold = threshold;
    this.#limit = limit;
  }

  /** Texts that others are compared with. */
  get count(): number {
    return this.#count;
  }

  /** The earlier text most like this one; where none reaches the threshold, this one is added under `id`. */
  findOrAdd(text: string, id: number): SimilarText | undefined {
    const signature = minHash(text);
    if (signature === undefined) return undefined;
    const hashes = bandHashesOf(signature);
    const short = Uint8Array.from(signature, (hash) => hash & 0xff);
    const found = this.#find(short, hashes);
    if (found === undefined && this.#count < this.#limit) this.#add(id, short, hashes);
    return found;
  }

  #find(signature: Uint8Array, hashes: Uint32Array): SimilarText | undefined {
    let best: SimilarText | undefined;
    const capacity = this.#ids.length;
    for (let band = 0; band < bands && capacity > 0; band += 1) {
      const hash = hashes[band] as number;
      let entry = this.#heads[band * capacity + (hash % capacity)] as number;
      for (let steps = 0; entry !== 0 && steps < longestChain; steps += 1) {
        const text = entry - 1;
        if (this.#bandHashes[text * bands + band] === hash) {
          const similarity = this.#similarity(signature, text);
          if (similarity >= this.#threshold && similarity > (best?.similarity ?? 0))
            best = { id: this.#ids[text] as number, similarity };
        }
        entry = this.#next[text * bands + band] as number;
      }
    }
    return best;
  }

  #similarity(signature: Uint8Array, text: number): number {
    const from = text * signatureLength;
    let equal = 0;
    for (let place = 0; place < signatureLength; place += 1)
      if (this.#signatures[from + place] === signature[place]) equal += 1;
    // One of 256 places is equal by chance.
    const chance = 1 / 256;
    return Math.max(0, (equal / signatureLength - chance) / (1 - chance));
  }

  #add(id: number, signature: Uint8Array, hashes: Uint32Array): void {
    if (this.#count === this.#ids.length) this.#grow();
    const text = this.#count;
    this.#count += 1;
    this.#ids[text] = id;
    this.#signatures.set(signature, text * signatureLength);
    this.#bandHashes.set(hashes, text * bands);
    this.#link(text);
  }

  #link(text: number): void {
    const capacity = this.#ids.length;
    for (let band = 0; band < bands; band += 1) {
      const bucket = band * capacity + ((this.#bandHashes[text * bands + band] as number) % capacity);
      this.#next[text * bands + band] = this.#heads[bucket] as number;
      this.#heads[bucket] = text + 1;
    }
  }

  #grow(): void {
    const capacity = Math.min(this.#limit, Math.max(1024, this.#ids.length * 2));
    this.#ids = grown(this.#ids, new Uint32Array(capacity));
    this.#signatures = grown(this.#signatures, new Uint8Array(capacity * signatureLength));
    this.#bandHashes = grown(this.#bandHashes, new Uint32Array(capacity * bands));
    this.#next = new Uint32Array(capacity * bands);
    this.#heads = new Uint32Array(capacity * bands);
    for (let text = 0; text < this.#count; text += 1) this.#link(text);
  }
}

function grown<A extends Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer>>(before: A, after: A): A {
  after.set(before);
  return after;
}

function bandHashesOf(signature: Uint32Array): Uint32Array {
  return Uint32Array.from({ length: bands }, (_, band) =>
    signature.subarray(band * rows, (band + 1) * rows).reduce(mixed, band),
  );
}

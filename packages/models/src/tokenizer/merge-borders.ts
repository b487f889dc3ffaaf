const filterSize = 2 ** 20;

/**
 * Where a text can be cut before its symbols are merged: between two characters that no merge brings together, whatever grew
 * on either side. A merge joins them only if its left token ends in the one and its right token begins with the other.
 * Holds for tokens that are spelled as the text is, without a prefix or suffix of their own.
 */
export class MergeBorders {
  /** 1 for the UTF-16 units that are symbols; the others may be left out, fused, or spelled in bytes. */
  readonly #symbols = new Uint8Array(0x10000);
  /** 1 where a pair that is joined falls. Pairs share places: one that falls there by chance is only not cut. */
  readonly #joined = new Uint8Array(filterSize);

  /** @param tokens of the vocabulary */
  constructor(tokens: Iterable<string>) {
    for (const token of tokens) if (token.length === 1) this.#symbols[token.charCodeAt(0)] = 1;
  }

  /** Counts a merge. */
  join(left: string, right: string): void {
    this.#joined[placeOf(left.charCodeAt(left.length - 1), right.charCodeAt(0))] = 1;
  }

  /** The first border behind `start`, or the end of the text. */
  next(text: string, start: number): number {
    let left = text.charCodeAt(start);
    for (let position = start + 1; position < text.length; position++) {
      const right = text.charCodeAt(position);
      if (this.#joined[placeOf(left, right)] === 0 && this.#symbols[left] === 1 && this.#symbols[right] === 1)
        return position;
      left = right;
    }
    return text.length;
  }
}

function placeOf(left: number, right: number): number {
  return (Math.imul(left, 0x9e3779b1) >>> 12) ^ right;
}

import { NumberTable } from './number-table.ts';

/** Finds which strings of a set begin at a position of a text. */
export class Trie {
  readonly #children: NumberTable;
  readonly #values: number[] = [-1];
  /** 1 for units that a string begins with: nearly every position of a text begins none. */
  readonly #beginnings = new Uint8Array(0x10000);

  constructor(expectedStrings: number) {
    this.#children = new NumberTable(expectedStrings * 4);
  }

  /** Adds a string; of two that are alike, the later's value holds. */
  add(text: string, value: number): void {
    let node = 0;
    if (text !== '') this.#beginnings[text.charCodeAt(0)] = 1;
    for (let index = 0; index < text.length; index++) {
      const key = node * 0x10000 + text.charCodeAt(index);
      let child = this.#children.get(key);
      if (child === -1) {
        child = this.#values.length;
        this.#children.set(key, child);
        this.#values.push(-1);
      }
      node = child;
    }
    this.#values[node] = value;
  }

  /** The node that a UTF-16 unit leads to, or -1. The root is 0. */
  step(node: number, unit: number): number {
    if (node === 0 && this.#beginnings[unit] === 0) return -1;
    return this.#children.get(node * 0x10000 + unit);
  }

  /** The node of a whole string, or -1. */
  walk(text: string): number {
    let node = 0;
    for (let index = 0; index < text.length && node !== -1; index++)
      node = this.step(node, text.charCodeAt(index));
    return node;
  }

  /** The value of the string that ends at a node, or -1. */
  valueAt(node: number): number {
    return this.#values[node]!;
  }
}

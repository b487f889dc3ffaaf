import type { Value } from './values.ts';

/**
 * Names and their values. Loops, macros and blocks have a scope inside the one around them: what they set is theirs, and
 * is gone with each turn of a loop.
 */
export class Scope {
  readonly #values = new Map<string, Value>();
  readonly #parent: Scope | undefined;

  constructor(parent?: Scope) {
    this.#parent = parent;
  }

  get(name: string): Value | undefined {
    const own = this.#values.get(name);
    return own === undefined ? this.#parent?.get(name) : own;
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

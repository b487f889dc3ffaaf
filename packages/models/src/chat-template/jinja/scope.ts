import { Undefined, type Value } from './values.ts';

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

  /** A scope inside, in which `hidden` names are undefined until it sets them. */
  inside(hidden: readonly string[] | undefined): Scope {
    const inner = new Scope(this);
    for (const name of hidden ?? [])
      if (this.get(name) !== undefined) inner.set(name, new Undefined(`'${name}'`));
    return inner;
  }

  set(name: string, value: Value): void {
    this.#values.set(name, value);
  }
}

import { JinjaError, unsupported } from './jinja-error.ts';

/**
 * Python's values as a template sees them: None, bool, int and str are JavaScript's null, boolean, (integer) number and
 * string; a list is an array; the rest are the classes here.
 */
export type Value =
  | null
  | boolean
  | number
  | string
  | Value[]
  | Float
  | Tuple
  | Dict
  | DictView
  | Range
  | Iterator
  | Namespace
  | Callable
  | SafeText
  | Undefined;

/** A float; plain numbers are ints, which print and divide differently. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
}

/**
 * A text that the filter `safe` marks (Python's Markup): it prints and joins by `~` as any text. What it does otherwise, such as
 * escaping what `+` puts beside it, is refused.
 */
export class SafeText {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

export class Tuple {
  readonly items: readonly Value[];
  constructor(items: readonly Value[]) {
    this.items = items;
  }
}

/** A dict, in the order of insertion; 1, 1.0 and True are one key. */
export class Dict {
  readonly #entries = new Map<string, readonly [Value, Value]>();

  constructor(entries: Iterable<readonly [Value, Value]> = []) {
    for (const [key, value] of entries) this.set(key, value);
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: Value): Value | undefined {
    return this.#entries.get(hash(key))?.[1];
  }

  set(key: Value, value: Value): void {
    const hashed = hash(key);
    this.#entries.set(hashed, [this.#entries.get(hashed)?.[0] ?? key, value]);
  }

  keys(): Value[] {
    return [...this.#entries.values()].map(([key]) => key);
  }

  entries(): readonly (readonly [Value, Value])[] {
    return [...this.#entries.values()];
  }
}

/** What `keys()`, `values()` and `items()` of a dict give. */
export class DictView {
  readonly kind: 'keys' | 'values' | 'items';
  readonly dict: Dict;
  constructor(kind: 'keys' | 'values' | 'items', dict: Dict) {
    this.kind = kind;
    this.dict = dict;
  }

  items(): Value[] {
    if (this.kind === 'keys') return this.dict.keys();
    return this.dict
      .entries()
      .map(([key, value]) => (this.kind === 'values' ? value : new Tuple([key, value])));
  }
}

/** `range(...)`: as long as it says, without its members in memory. */
export class Range {
  readonly start: number;
  readonly stop: number;
  readonly step: number;
  readonly length: number;
  constructor(start: number, stop: number, step: number) {
    this.start = start;
    this.stop = stop;
    this.step = step;
    this.length = Math.max(0, Math.ceil((stop - start) / step));
  }

  at(index: number): number {
    return this.start + index * this.step;
  }
}

/** What filters such as `map` and `select` give: it has no length, and can be walked once. */
export class Iterator {
  readonly #items: readonly Value[];
  #taken = 0;
  #left = false;
  constructor(items: readonly Value[]) {
    this.#items = items;
  }

  /** A loop broke off: what Python's generator still holds then is not known here. */
  leave(): void {
    this.#left = true;
  }

  /** What was not taken yet. */
  take(): readonly Value[] {
    if (this.#left) unsupported('a generator that a loop broke off');
    const rest = this.#items.slice(this.#taken);
    this.#taken = this.#items.length;
    return rest;
  }

  /** The next item; undefined behind the last. */
  next(): Value | undefined {
    if (this.#left) unsupported('a generator that a loop broke off');
    return this.#items[this.#taken++];
  }
}

/** `namespace(...)`: the one value whose attributes a template may set. */
export class Namespace {
  readonly attributes = new Map<string, Value>();
}

/** Arguments of a call, evaluated. */
export interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
}

/** A function, method or macro. */
export class Callable {
  readonly name: string;
  readonly call: (args: Arguments) => Value;
  constructor(name: string, call: (args: Arguments) => Value) {
    this.name = name;
    this.call = call;
  }
}

/** What is not there. It prints as nothing and is empty and false; anything else done with it fails. */
export class Undefined {
  /** What was asked for, for messages. */
  readonly hint: string;
  constructor(hint: string) {
    this.hint = hint;
  }

  fail(): never {
    throw new JinjaError(`${this.hint} is undefined`);
  }
}

/** The name of a value's type in Python. */
export function typeName(value: Value): string {
  if (value === null) return 'NoneType';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'int';
  if (typeof value === 'string') return 'str';
  if (Array.isArray(value)) return 'list';
  if (value instanceof DictView) return `dict_${value.kind}`;
  if (value instanceof SafeText) return 'Markup';
  const types = { Float, Tuple, Dict, Range, Iterator, Namespace, Callable, Undefined };
  return Object.entries(types)
    .find(([, type]) => value instanceof type)![0]
    .toLowerCase();
}

/** Equal keys, and only these, have equal texts. */
function hash(key: Value): string {
  if (typeof key === 'string') return `s${key}`;
  if (typeof key === 'boolean') return `n${Number(key)}`;
  if (typeof key === 'number') return `n${key}`;
  if (key instanceof Float) return `n${key.value}`;
  if (key === null) return 'None';
  if (key instanceof Undefined) return 'Undefined';
  if (key instanceof Tuple) return `(${key.items.map((item) => JSON.stringify(hash(item))).join()})`;
  throw new JinjaError(`unhashable type: '${typeName(key)}'`);
}

/** Plain data (what JSON holds) as a template's value, copied. Numbers without a fraction are ints. */
export function fromPlain(plain: unknown): Value {
  if (plain === null || typeof plain === 'boolean') return plain;
  if (typeof plain === 'string') {
    // Python counts halves of characters one by one, and cannot write them.
    return /\p{Surrogate}/u.test(plain) ? unsupported('a text with half of a character') : plain;
  }
  if (typeof plain === 'number') {
    if (!Number.isInteger(plain) || Object.is(plain, -0)) return new Float(plain);
    return Number.isSafeInteger(plain)
      ? plain
      : unsupported(`the number ${plain}, an int or a float in JSON`);
  }
  if (Array.isArray(plain)) return plain.map(fromPlain);
  if (typeof plain === 'object') {
    const given = Object.entries(plain).filter(([, value]) => value !== undefined);
    // JavaScript puts such keys first: the order they were written in is lost.
    const number = given.length > 1 ? given.find(([key]) => /^(0|[1-9]\d*)$/.test(key)) : undefined;
    if (number !== undefined) unsupported(`the number '${number[0]}' as one of several keys`);
    return new Dict(given.map(([key, value]) => [key, fromPlain(value)]));
  }
  throw new JinjaError(`a ${typeof plain} cannot be given to a template`);
}

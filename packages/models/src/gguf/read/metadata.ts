import { GgufError } from '../../errors.ts';
import type { MetadataValue } from './metadata-value.ts';

/** A GGUF file's metadata, asked for by key and type. @throws GgufError (`metadata`) for a value that is of another type. */
export class Metadata {
  readonly file: string;
  readonly #values: ReadonlyMap<string, MetadataValue>;

  constructor(file: string, values: ReadonlyMap<string, MetadataValue>) {
    this.file = file;
    this.#values = values;
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  isList(key: string): boolean {
    return typeof this.#values.get(key) === 'object';
  }

  scalar(key: string): number | boolean | string | undefined {
    const kinds = ['number', 'boolean', 'string'];
    return this.#value(key, 'one value', (value) => kinds.includes(typeof value));
  }

  text(key: string): string | undefined {
    return this.#value(key, 'a text', (value) => typeof value === 'string');
  }

  boolean(key: string): boolean | undefined {
    return this.#value(key, 'true or false', (value) => typeof value === 'boolean');
  }

  number(key: string): number | undefined {
    return this.#value(key, 'a number', (value) => typeof value === 'number' && Number.isFinite(value));
  }

  /** An integer from 0 on. */
  count(key: string): number | undefined {
    return this.#value(key, 'an integer from 0 on', isCount);
  }

  texts(key: string): readonly string[] | undefined {
    return this.#value(
      key,
      'a list of texts',
      (value) => Array.isArray(value) && value.every((element) => typeof element === 'string'),
    );
  }

  numbers(key: string): readonly number[] | undefined {
    const values = this.#value<ArrayLike<number | bigint>>(key, 'a list of numbers', ArrayBuffer.isView);
    return values === undefined ? undefined : Array.from(values, Number);
  }

  /** What must be there. */
  required<Value>(key: string, value: Value | undefined): Value {
    if (value !== undefined) return value;
    throw this.fail(key, 'is missing');
  }

  fail(key: string, message: string): GgufError {
    return new GgufError('metadata', this.file, key, message);
  }

  #value<Value>(key: string, what: string, fits: (value: MetadataValue) => boolean): Value | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    if (!fits(value)) throw this.fail(key, `must be ${what}`);
    return value as Value;
  }
}

function isCount(value: MetadataValue): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

import { GgufError } from '../../../errors.ts';
import type { Metadata } from '../metadata.ts';

/**
 * The metadata of an architecture: keys that begin with its name. Which were asked for is noted, so that what nobody heeds is
 * refused by name: it may change the result.
 */
export class ArchitectureKeys {
  readonly metadata: Metadata;
  /** `general.architecture` */
  readonly architecture: string;
  readonly #heeded = new Set<string>();

  constructor(metadata: Metadata, architecture: string) {
    this.metadata = metadata;
    this.architecture = architecture;
  }

  count(name: string): number | undefined {
    return this.metadata.count(this.#heed(name));
  }

  requiredCount(name: string): number {
    return this.metadata.required(`${this.architecture}.${name}`, this.count(name));
  }

  number(name: string): number | undefined {
    return this.metadata.number(this.#heed(name));
  }

  text(name: string): string | undefined {
    return this.metadata.text(this.#heed(name));
  }

  boolean(name: string): boolean | undefined {
    return this.metadata.boolean(this.#heed(name));
  }

  /** A number that all layers share: GGUF may list one for each. */
  sharedCount(name: string): number | undefined {
    const key = this.#heed(name);
    const list = this.metadata.isList(key) ? this.metadata.numbers(key) : undefined;
    if (list === undefined) return this.metadata.count(key);
    const [first] = list;
    if (first !== undefined && list.every((value) => value === first)) return first;
    throw this.refuse(name, 'differs from layer to layer, which is not supported');
  }

  /** Refuses a key unless it has one of the values that change nothing. */
  requireOneOf(name: string, allowed: readonly (number | boolean | string)[]): void {
    const value = this.metadata.scalar(this.#heed(name));
    if (value === undefined || allowed.includes(value)) return;
    throw this.refuse(name, `is ${value}, which is not supported; supported: ${allowed.join(', ')}`);
  }

  refuse(name: string, message: string): GgufError {
    return new GgufError('unsupported', this.metadata.file, `${this.architecture}.${name}`, message);
  }

  /** @throws GgufError (`unsupported`) for a key of the architecture that was not asked for. */
  requireAllHeeded(): void {
    const prefix = `${this.architecture}.`;
    const left = [...this.metadata.keys()].find((key) => key.startsWith(prefix) && !this.#heeded.has(key));
    if (left === undefined) return;
    throw this.refuse(
      left.slice(prefix.length),
      'is a setting that is not known here; it may change what the model computes',
    );
  }

  #heed(name: string): string {
    const key = `${this.architecture}.${name}`;
    this.#heeded.add(key);
    return key;
  }
}

import type { CharacterTest } from '../character-set.ts';
import { posixClasses, readEscape } from './escapes.ts';

/** Reads a class in brackets of Oniguruma's Ruby syntax: ranges, escapes, classes within, `&&`. */
export class CharacterClassReader {
  readonly #pattern: string;
  readonly #fail: (position: number, problem: string) => never;
  readonly #ignoreCase: boolean;
  #position: number;

  constructor(
    pattern: string,
    position: number,
    ignoreCase: boolean,
    fail: (position: number, problem: string) => never,
  ) {
    this.#pattern = pattern;
    this.#position = position;
    this.#ignoreCase = ignoreCase;
    this.#fail = fail;
  }

  /** The class that begins at the position, which is behind its `[`, and the position behind its `]`. */
  read(): { readonly test: CharacterTest; readonly end: number } {
    const test = this.#class(0);
    return { test, end: this.#position };
  }

  #class(depth: number): CharacterTest {
    if (depth > 20) this.#stop('classes are nested too deeply');
    const negated = this.#take('^');
    if (this.#pattern[this.#position] === ']')
      this.#stop('an empty class, or a ] first in one, is not supported');
    const intersected: CharacterTest[] = [];
    let items: CharacterTest[] = [];
    const close = () => {
      const union = items;
      intersected.push((codePoint) => union.some((test) => test(codePoint)));
      items = [];
    };
    while (!this.#take(']')) {
      if (this.#take('&&')) close();
      else items.push(this.#item(depth));
    }
    close();
    const inside: CharacterTest = (codePoint) => intersected.every((test) => test(codePoint));
    const folded = this.#ignoreCase
      ? (codePoint: number) => caseVariants(codePoint).some((variant) => inside(variant))
      : inside;
    return negated ? (codePoint) => !folded(codePoint) : folded;
  }

  #item(depth: number): CharacterTest {
    if (this.#pattern[this.#position] === undefined) this.#stop('a class is not closed');
    if (this.#pattern.startsWith('[:', this.#position)) return this.#posix();
    if (this.#take('[')) return this.#class(depth + 1);
    const first = this.#single();
    if (typeof first !== 'number') return first;
    const next = this.#pattern.slice(this.#position, this.#position + 2);
    if (next[0] !== '-' || next[1] === ']' || next[1] === undefined) return this.#checked(first, first);
    this.#position++;
    if (this.#pattern[this.#position] === '[') this.#stop('a range to a class is not supported');
    const last = this.#single();
    if (typeof last !== 'number') this.#stop('a range to a class is not supported');
    if (last < first) this.#stop('a range is empty');
    const after = this.#pattern.slice(this.#position, this.#position + 2);
    if (after[0] === '-' && after[1] !== ']') this.#stop('a - behind a range is not supported');
    return this.#checked(first, last);
  }

  #checked(first: number, last: number): CharacterTest {
    if (this.#ignoreCase && (last > 0x7f || first > 0x7f) && hasCase(first, last))
      this.#stop('letters beyond ASCII under (?i) are not supported');
    return (codePoint) => codePoint >= first && codePoint <= last;
  }

  #single(): number | CharacterTest {
    if (this.#take('\\')) {
      const position = this.#position - 1;
      const [meaning, length] = readEscape(this.#pattern.slice(this.#position), true, (problem) =>
        this.#fail(position, problem),
      );
      this.#position += length;
      if ('codePoint' in meaning) return meaning.codePoint;
      if (this.#ignoreCase && !meaning.caseless)
        this.#stop('\\p{Lu}, \\p{Ll}, \\p{Lt} under (?i) are not supported');
      return meaning.test;
    }
    const codePoint = this.#pattern.codePointAt(this.#position);
    if (codePoint === undefined) this.#stop('a class is not closed');
    this.#position += codePoint > 0xffff ? 2 : 1;
    return codePoint;
  }

  #posix(): CharacterTest {
    const found = /^\[:(\^?)([a-z]+):\]/.exec(this.#pattern.slice(this.#position, this.#position + 32));
    const test = found === null ? undefined : posixClasses[found[2]!];
    if (found === null || test === undefined) this.#stop(`the class ${found?.[0] ?? '[:'} is not supported`);
    this.#position += found[0].length;
    return found[1] === '^' ? (codePoint) => !test(codePoint) : test;
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#position)) return false;
    this.#position += text.length;
    return true;
  }

  #stop(problem: string): never {
    this.#fail(this.#position, problem);
  }
}

/** The characters that are alike but for case, of those that an ASCII letter is among. */
export function caseVariants(codePoint: number): number[] {
  if (codePoint === 0x17f) return [codePoint, 0x73, 0x53]; // ſ and s
  if (codePoint === 0x212a) return [codePoint, 0x6b, 0x4b]; // the Kelvin sign and k
  const lower = codePoint | 0x20;
  return lower >= 0x61 && lower <= 0x7a && codePoint < 0x80 ? [lower, lower & ~0x20] : [codePoint];
}

/** Whether there are letters or marks beyond ASCII in a range. */
function hasCase(first: number, last: number): boolean {
  for (let codePoint = Math.max(first, 0x80); codePoint <= last; codePoint++) {
    const character = String.fromCodePoint(codePoint);
    if (character.toLowerCase() !== character || character.toUpperCase() !== character) return true;
  }
  return false;
}

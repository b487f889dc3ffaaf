import { CharacterSet } from '../character-set.ts';
import { parsePattern } from './parse.ts';
import { type Boundary, fixedLength, type PatternNode, PatternSyntaxError } from './syntax.ts';

/** Instructions are four numbers each: an operation and its operands. */
export const instructionSize = 4;

export const operations = {
  /** One character of set a. */
  character: 0,
  /** As many characters of set a as there are, at least b, at most c (-1: no end); gives them back one by one. */
  run: 1,
  /** As `run`, and gives none back. */
  possessiveRun: 2,
  /** Goes on at a, and at b when that fails. */
  fork: 3,
  jump: 4,
  /** What follows up to a must match here (b = 0) or must not (b = 1), and takes nothing; c characters back. */
  look: 5,
  /** What follows up to a matches without being tried again. */
  atomic: 6,
  /** A place: a indexes `boundaryNames`. */
  boundary: 7,
  accept: 8,
} as const;

export const boundaryNames: readonly Boundary[] = [
  'lineStart',
  'lineEnd',
  'textStart',
  'textEnd',
  'lastLineEnd',
  'word',
  'notWord',
];

const longestProgram = 50_000;
const mostSets = 512;

/** A regular expression ready to run. */
export interface Program {
  readonly code: Int32Array;
  readonly sets: readonly CharacterSet[];
}

/** @throws PatternSyntaxError that names what the pattern uses and is not supported. */
export function compilePattern(pattern: string): Program {
  const compiler = new Compiler(pattern);
  compiler.emit(parsePattern(pattern));
  return compiler.finish();
}

class Compiler {
  readonly #pattern: string;
  readonly #code: number[] = [];
  readonly #sets: CharacterSet[] = [];
  readonly #setOf = new Map<string, number>();

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  finish(): Program {
    this.#add(operations.accept);
    return { code: Int32Array.from(this.#code), sets: this.#sets };
  }

  emit(node: PatternNode): void {
    switch (node.kind) {
      case 'characters':
        this.#add(operations.character, this.#set(node));
        return;
      case 'sequence':
        for (const part of node.parts) this.emit(part);
        return;
      case 'choice':
        this.#choice(node.options.map((option) => () => this.emit(option)));
        return;
      case 'repeat':
        this.#repeat(node);
        return;
      case 'atomic':
        this.#enclosed(operations.atomic, 0, 0, () => this.emit(node.body));
        return;
      case 'look':
        this.#look(node);
        return;
      case 'boundary':
        this.#add(operations.boundary, boundaryNames.indexOf(node.boundary));
    }
  }

  #choice(options: readonly (() => void)[]): void {
    const exits: number[] = [];
    for (const [index, option] of options.entries()) {
      const isLast = index === options.length - 1;
      const fork = isLast ? -1 : this.#add(operations.fork);
      if (!isLast) this.#code[fork + 1] = this.#code.length;
      option();
      if (isLast) break;
      exits.push(this.#add(operations.jump));
      this.#code[fork + 2] = this.#code.length;
    }
    for (const exit of exits) this.#code[exit + 1] = this.#code.length;
  }

  #repeat(node: PatternNode & { kind: 'repeat' }): void {
    const { body, least, most, greed } = node;
    if (body.kind === 'characters' && greed !== 'lazy') {
      const operation = greed === 'greedy' ? operations.run : operations.possessiveRun;
      this.#add(operation, this.#set(body), least, Number.isFinite(most) ? most : -1);
      return;
    }
    if (greed === 'possessive') {
      this.#enclosed(operations.atomic, 0, 0, () => this.#repeat({ ...node, greed: 'greedy' }));
      return;
    }
    for (let count = 0; count < least; count++) this.emit(body);
    const [enter, leave] = greed === 'greedy' ? [1, 2] : [2, 1];
    if (most === Number.POSITIVE_INFINITY) {
      const fork = this.#add(operations.fork);
      this.#code[fork + enter!] = this.#code.length;
      this.emit(body);
      this.#add(operations.jump, fork);
      this.#code[fork + leave!] = this.#code.length;
      return;
    }
    const forks: number[] = [];
    for (let count = least; count < most; count++) {
      const fork = this.#add(operations.fork);
      this.#code[fork + enter!] = this.#code.length;
      forks.push(fork);
      this.emit(body);
    }
    for (const fork of forks) this.#code[fork + leave!] = this.#code.length;
  }

  #look({ body, behind, negated }: PatternNode & { kind: 'look' }): void {
    if (!behind) {
      this.#enclosed(operations.look, negated ? 1 : 0, 0, () => this.emit(body));
      return;
    }
    const looks = (body.kind === 'choice' ? body.options : [body]).map((option) => () => {
      const length = fixedLength(option);
      if (length === undefined)
        throw new PatternSyntaxError(
          this.#pattern.slice(0, 200),
          0,
          'a look behind of no fixed length is not supported',
        );
      this.#enclosed(operations.look, negated ? 1 : 0, length, () => this.emit(option));
    });
    // None may be behind when negated; else any of them.
    if (negated) for (const look of looks) look();
    else this.#choice(looks);
  }

  #enclosed(operation: number, second: number, third: number, emitBody: () => void): void {
    const start = this.#add(operation, 0, second, third);
    emitBody();
    this.#add(operations.accept);
    this.#code[start + 1] = this.#code.length;
  }

  #set({ key, test }: PatternNode & { kind: 'characters' }): number {
    let index = this.#setOf.get(key);
    if (index === undefined) {
      index = this.#sets.push(new CharacterSet(test)) - 1;
      this.#setOf.set(key, index);
      if (index >= mostSets)
        throw new PatternSyntaxError(
          this.#pattern.slice(0, 200),
          0,
          `more than ${mostSets} different characters and classes`,
        );
    }
    return index;
  }

  #add(operation: number, first = 0, second = 0, third = 0): number {
    if (this.#code.length > longestProgram * instructionSize)
      throw new PatternSyntaxError(this.#pattern.slice(0, 200), 0, 'its repeats make it too long');
    return this.#code.push(operation, first, second, third) - instructionSize;
  }
}

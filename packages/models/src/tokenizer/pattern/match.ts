import {
  type CharacterSet,
  CharacterSet as Characters,
  codePointAt,
  previousPosition,
  unitsOf,
} from '../character-set.ts';
import { onigurumaWord } from '../unicode.ts';
import type { WorkLimit } from '../work-limit.ts';
import { boundaryNames, compilePattern, instructionSize, operations, type Program } from './compile.ts';

const word = new Characters(onigurumaWord);
/** Positions that a search may want to come back to. */
const mostForks = 4_000_000;

/**
 * A regular expression of Oniguruma, matched by backtracking with a stack of its own and a limit on its steps: a pattern that
 * would take exponential time is stopped.
 */
export class Pattern {
  readonly source: string;
  readonly #program: Program;
  readonly #work: WorkLimit;
  #text = '';
  #steps = 0;
  #forks = new Int32Array(3 * 256);
  #top = 0;

  /** @throws PatternSyntaxError that names what the pattern uses and is not supported. */
  constructor(source: string, work: WorkLimit) {
    this.source = source;
    this.#work = work;
    this.#program = compilePattern(source);
  }

  /**
   * Start and end of each match, one after the other: `[start, end, start, end, ...]`.
   *
   * @throws TokenizationError when the pattern takes too many steps.
   */
  matches(text: string): number[] {
    this.#text = text;
    this.#steps = this.#work.left;
    const found: number[] = [];
    let from = 0;
    let lastEnd = -1;
    while (from <= text.length) {
      let start = from;
      let end = this.#run(0, start);
      while (end === -1 && start < text.length) {
        start += unitsOf(codePointAt(text, start));
        end = this.#run(0, start);
      }
      if (end === -1) break;
      // As Rust's onig iterates: no empty match right behind a match.
      if (start === end && end === lastEnd) {
        from += from < text.length ? unitsOf(codePointAt(text, from)) : 1;
        continue;
      }
      found.push(start, end);
      from = end;
      lastEnd = end;
    }
    this.#work.left = this.#steps;
    return found;
  }

  /** The end of the match of the instructions from `pc` at a position, or -1. */
  #run(pc: number, position: number): number {
    const { code, sets } = this.#program;
    const text = this.#text;
    const base = this.#top;
    for (;;) {
      if (--this.#steps < 0) this.#giveUp();
      let matched = true;
      switch (code[pc]) {
        case operations.character: {
          matched = false;
          if (position < text.length) {
            const codePoint = codePointAt(text, position);
            if (sets[code[pc + 1]!]!.has(codePoint)) {
              position += unitsOf(codePoint);
              matched = true;
            }
          }
          pc += instructionSize;
          break;
        }
        case operations.run:
        case operations.possessiveRun: {
          const end = this.#scan(sets[code[pc + 1]!]!, position, code[pc + 3]!);
          const low = this.#advance(position, code[pc + 2]!, end);
          matched = low !== -1;
          if (matched && low < end && code[pc] === operations.run) this.#push(pc + instructionSize, end, low);
          position = end;
          pc += instructionSize;
          break;
        }
        case operations.fork:
          this.#push(code[pc + 2]!, position, -1);
          pc = code[pc + 1]!;
          break;
        case operations.jump:
          pc = code[pc + 1]!;
          break;
        case operations.look: {
          const start = this.#back(position, code[pc + 3]!);
          const end = start === -1 ? -1 : this.#run(pc + instructionSize, start);
          matched = (end !== -1) === (code[pc + 2] === 0);
          pc = code[pc + 1]!;
          break;
        }
        case operations.atomic: {
          const end = this.#run(pc + instructionSize, position);
          matched = end !== -1;
          position = end;
          pc = code[pc + 1]!;
          break;
        }
        case operations.boundary:
          matched = this.#isAt(code[pc + 1]!, position);
          pc += instructionSize;
          break;
        default:
          this.#top = base;
          return position;
      }
      if (matched) continue;
      if (this.#top === base) return -1;
      // Back to the last fork; a run gives back one character, and stays on the stack while it has more.
      const forks = this.#forks;
      const entry = this.#top - 3;
      pc = forks[entry]!;
      position = forks[entry + 1]!;
      const low = forks[entry + 2]!;
      if (low !== -1) {
        position = previousPosition(text, position);
        forks[entry + 1] = position;
      }
      if (low === -1 || position <= low) this.#top = entry;
    }
  }

  /** The end of the run of a set's characters, at most `most` of them (-1: no limit). */
  #scan(set: CharacterSet, start: number, most: number): number {
    const text = this.#text;
    let position = start;
    for (let count = 0; count !== most && position < text.length; count++) {
      const codePoint = codePointAt(text, position);
      if (!set.has(codePoint)) break;
      position += unitsOf(codePoint);
    }
    this.#steps -= position - start;
    return position;
  }

  /** `count` characters further, or -1 when that is beyond `end`. */
  #advance(start: number, count: number, end: number): number {
    let position = start;
    for (let index = 0; index < count; index++) {
      if (position >= end) return -1;
      position += unitsOf(codePointAt(this.#text, position));
    }
    return position;
  }

  /** `count` characters back, or -1 when the text begins before. */
  #back(start: number, count: number): number {
    let position = start;
    for (let index = 0; index < count; index++) {
      if (position === 0) return -1;
      position = previousPosition(this.#text, position);
    }
    this.#steps -= count;
    return position;
  }

  #isAt(boundary: number, position: number): boolean {
    const text = this.#text;
    const isEnd = position === text.length;
    switch (boundaryNames[boundary]) {
      case 'lineStart':
        return position === 0 || (!isEnd && text[position - 1] === '\n');
      case 'lineEnd':
        return isEnd || text[position] === '\n';
      case 'textStart':
        return position === 0;
      case 'textEnd':
        return isEnd;
      case 'lastLineEnd':
        return isEnd || (position === text.length - 1 && text[position] === '\n');
      default: {
        const before = position > 0 && word.has(codePointAt(text, previousPosition(text, position)));
        const after = !isEnd && word.has(codePointAt(text, position));
        return (before !== after) === (boundaryNames[boundary] === 'word');
      }
    }
  }

  #push(pc: number, position: number, low: number): void {
    if (this.#top + 3 > this.#forks.length) {
      if (this.#forks.length >= 3 * mostForks) this.#giveUp();
      const larger = new Int32Array(this.#forks.length * 2);
      larger.set(this.#forks);
      this.#forks = larger;
    }
    this.#forks[this.#top] = pc;
    this.#forks[this.#top + 1] = position;
    this.#forks[this.#top + 2] = low;
    this.#top += 3;
  }

  #giveUp(): never {
    this.#top = 0;
    this.#work.exhaust(`the pattern ${JSON.stringify(this.source.slice(0, 100))}`);
  }
}

import type { CharacterTest } from '../character-set.ts';
import { CharacterClassReader, caseVariants } from './character-class.ts';
import { readEscape } from './escapes.ts';
import { type Boundary, canBeEmpty, type PatternNode, PatternSyntaxError } from './syntax.ts';

const longest = 20_000;
const deepest = 100;
const mostRepeats = 1000;

/** Letters that Oniguruma matches with one ligature when case is ignored. */
const ligatures = /ss|ff|fi|fl|st/i;

const boundaries: Readonly<Record<string, Boundary>> = {
  A: 'textStart',
  z: 'textEnd',
  Z: 'lastLineEnd',
  b: 'word',
  B: 'notWord',
};

interface Flags {
  readonly ignoreCase: boolean;
  readonly dotAll: boolean;
}

/**
 * Reads a regular expression as tokenizer.json has them: Oniguruma, in Ruby's syntax.
 *
 * @throws PatternSyntaxError that names what it uses and is not supported.
 */
export function parsePattern(pattern: string): PatternNode {
  return new Parser(pattern).parse();
}

class Parser {
  readonly #pattern: string;
  #position = 0;
  #depth = 0;

  constructor(pattern: string) {
    this.#pattern = pattern;
  }

  parse(): PatternNode {
    if (this.#pattern.length > longest) this.#fail(`longer than ${longest} characters`);
    const node = this.#choice({ ignoreCase: false, dotAll: false });
    if (this.#position < this.#pattern.length) this.#fail('a ) without a (');
    return node;
  }

  #choice(flags: Flags): PatternNode {
    if (++this.#depth > deepest) this.#fail('groups are nested too deeply');
    const options = [this.#sequence(flags)];
    while (this.#take('|')) options.push(this.#sequence(flags));
    this.#depth--;
    return options.length === 1 ? options[0]! : { kind: 'choice', options };
  }

  #sequence(flags: Flags): PatternNode {
    const parts: PatternNode[] = [];
    let letters = '';
    while (this.#position < this.#pattern.length && !'|)'.includes(this.#pattern[this.#position]!)) {
      const start = this.#position;
      const rest = this.#flagsForRest(flags);
      if (rest !== undefined) {
        parts.push(this.#choice(rest));
        break;
      }
      const atom = this.#atom(flags);
      const literal = this.#pattern.slice(start, this.#position);
      letters = flags.ignoreCase && literal.length === 1 ? letters + literal : '';
      if (ligatures.test(letters))
        this.#fail(`'${letters}' under (?i), which matches ligatures too, is not supported`);
      parts.push(this.#repeats(atom));
    }
    return parts.length === 1 ? parts[0]! : { kind: 'sequence', parts };
  }

  #atom(flags: Flags): PatternNode {
    const start = this.#position;
    if (this.#take('(')) return this.#group(flags);
    if (this.#take('[')) {
      const reader = new CharacterClassReader(
        this.#pattern,
        this.#position,
        flags.ignoreCase,
        (position, problem) => this.#fail(problem, position),
      );
      const { test, end } = reader.read();
      this.#position = end;
      return this.#characters(test, start, flags);
    }
    if (this.#take('.'))
      return this.#characters((codePoint) => flags.dotAll || codePoint !== 10, start, flags);
    if (this.#take('^')) return { kind: 'boundary', boundary: 'lineStart' };
    if (this.#take('$')) return { kind: 'boundary', boundary: 'lineEnd' };
    if (this.#take('\\')) return this.#escape(flags, start);
    if ('*+?'.includes(this.#pattern[start]!)) this.#fail('nothing to repeat');
    const codePoint = this.#pattern.codePointAt(start)!;
    this.#position += codePoint > 0xffff ? 2 : 1;
    return this.#literal(codePoint, start, flags);
  }

  #escape(flags: Flags, start: number): PatternNode {
    const boundary = boundaries[this.#pattern[this.#position] ?? ''];
    if (boundary !== undefined) {
      this.#position++;
      return { kind: 'boundary', boundary };
    }
    const [meaning, length] = readEscape(this.#pattern.slice(this.#position), false, (problem) =>
      this.#fail(problem, start),
    );
    this.#position += length;
    if ('codePoint' in meaning) return this.#literal(meaning.codePoint, start, flags);
    if (flags.ignoreCase && !meaning.caseless)
      this.#fail('\\p{Lu}, \\p{Ll}, \\p{Lt} under (?i) are not supported', start);
    return this.#characters(meaning.test, start, flags);
  }

  #literal(codePoint: number, start: number, { ignoreCase }: Flags): PatternNode {
    if (!ignoreCase)
      return { kind: 'characters', test: (other) => other === codePoint, key: `=${codePoint.toString(16)}` };
    if (codePoint > 0x7f && /[\p{L}\p{M}]/u.test(String.fromCodePoint(codePoint)))
      this.#fail('letters beyond ASCII under (?i) are not supported', start);
    return {
      kind: 'characters',
      test: (other) => caseVariants(other).includes(codePoint),
      key: `i${codePoint.toString(16)}`,
    };
  }

  #characters(test: CharacterTest, start: number, flags: Flags): PatternNode {
    const source = this.#pattern.slice(start, this.#position);
    return {
      kind: 'characters',
      test,
      key: `${flags.ignoreCase ? 'i' : ''}${flags.dotAll ? 'm' : ''}:${source}`,
    };
  }

  #group(flags: Flags): PatternNode {
    if (this.#take('?#')) {
      const end = this.#pattern.indexOf(')', this.#position);
      if (end === -1) this.#fail('a comment is not closed');
      this.#position = end + 1;
      return { kind: 'sequence', parts: [] };
    }
    if (this.#take('?=')) return this.#look(flags, false, false);
    if (this.#take('?!')) return this.#look(flags, false, true);
    if (this.#take('?<=')) return this.#look(flags, true, false);
    if (this.#take('?<!')) return this.#look(flags, true, true);
    if (this.#take('?>')) return { kind: 'atomic', body: this.#closed(flags) };
    const name = /^\?<[A-Za-z_]\w*>/.exec(this.#pattern.slice(this.#position, this.#position + 100));
    if (name !== null || this.#take('?:')) {
      this.#position += name?.[0].length ?? 0;
      return this.#closed(flags);
    }
    const set = /^\?([a-z-]*):/.exec(this.#pattern.slice(this.#position, this.#position + 20));
    if (set !== null) {
      this.#position += set[0].length;
      return this.#closed(this.#changed(flags, set[1]!));
    }
    if (this.#pattern[this.#position] === '?') this.#fail('this kind of group is not supported');
    return this.#closed(flags);
  }

  /** `(?i)` holds for the rest of the group it stands in, the other options of a choice too. */
  #flagsForRest(flags: Flags): Flags | undefined {
    const set = /^\(\?([a-z-]+)\)/.exec(this.#pattern.slice(this.#position, this.#position + 20));
    if (set === null) return undefined;
    this.#position += set[0].length;
    return this.#changed(flags, set[1]!);
  }

  #changed(flags: Flags, letters: string): Flags {
    if (!/^[im]*(?:-[im]+)?$/.test(letters)) this.#fail(`the option (?${letters}) is not supported`);
    const [on = '', off = ''] = letters.split('-');
    return {
      ignoreCase: (flags.ignoreCase || on.includes('i')) && !off.includes('i'),
      dotAll: (flags.dotAll || on.includes('m')) && !off.includes('m'),
    };
  }

  #look(flags: Flags, behind: boolean, negated: boolean): PatternNode {
    return { kind: 'look', body: this.#closed(flags), behind, negated };
  }

  #closed(flags: Flags): PatternNode {
    const body = this.#choice(flags);
    if (!this.#take(')')) this.#fail('a group is not closed');
    return body;
  }

  #repeats(atom: PatternNode): PatternNode {
    let node = atom;
    for (let count = 0; ; count++) {
      const start = this.#position;
      const found = /^(?:[*+?]|\{(\d*)(,?)(\d*)\})([?+]?)/.exec(this.#pattern.slice(start, start + 20));
      if (found === null || found[0].startsWith('{}') || found[0].startsWith('{,}')) return node;
      if (count >= 3) this.#fail('repeats are nested too deeply');
      const [whole, low, comma, high, suffix] = found as unknown as [
        string,
        string?,
        string?,
        string?,
        string?,
      ];
      const braces = whole[0] === '{';
      // In Ruby's syntax {2,3}+ is a repeat of a repeat, and {2}? an optional one.
      const taken = braces && suffix === '+' ? whole.slice(0, -1) : whole;
      if (braces && comma === '' && suffix === '?') this.#fail('{n}? is not supported');
      this.#position += taken.length;
      const least = braces ? Number(low || 0) : whole[0] === '+' ? 1 : 0;
      const most = braces ? upperBound(least, comma, high) : whole[0] === '?' ? 1 : Number.POSITIVE_INFINITY;
      if (least > mostRepeats || (most > mostRepeats && most !== Number.POSITIVE_INFINITY))
        this.#fail(`more than ${mostRepeats} repeats are not supported`, start);
      if (most < least) this.#fail('a repeat of more than at most', start);
      if (atom.kind === 'look' || atom.kind === 'boundary')
        this.#fail('a repeat of a place is not supported', start);
      if (most === Number.POSITIVE_INFINITY && canBeEmpty(node))
        this.#fail('a repeat without end of what can be empty is not supported', start);
      const greed = suffix === '?' ? 'lazy' : suffix === '+' && !braces ? 'possessive' : 'greedy';
      node = { kind: 'repeat', body: node, least, most, greed };
    }
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#position)) return false;
    this.#position += text.length;
    return true;
  }

  #fail(problem: string, position = this.#position): never {
    throw new PatternSyntaxError(this.#pattern.slice(0, 200), position, problem);
  }
}

function upperBound(least: number, comma: string | undefined, high: string | undefined): number {
  if (comma === '') return least;
  return high === '' || high === undefined ? Number.POSITIVE_INFINITY : Number(high);
}

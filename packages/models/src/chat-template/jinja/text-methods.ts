import { byName, integerArgument, textArgument } from './arguments.ts';
import type { Budget } from './budget.ts';
import { truth } from './comparing.ts';
import { JinjaError, unsupported } from './jinja-error.ts';
import { type Arguments, Tuple, type Value } from './values.ts';
import { stripEnd, stripStart, whitespace } from './whitespace.ts';

/** A method of Python's `str`. */
type TextMethod = (text: string, args: Arguments, budget: Budget) => Value;

/** `strip` and its halves: white space, or any of the characters given. */
export function strip(text: string, characters: Value | undefined, side: 'both' | 'start' | 'end'): string {
  if (characters === undefined || characters === null) {
    const start = side === 'end' ? text : stripStart(text);
    return side === 'start' ? start : stripEnd(start);
  }
  const set = new Set(textArgument('the characters to strip', characters));
  const letters = [...text];
  let start = 0;
  let end = letters.length;
  if (side !== 'end') while (start < end && set.has(letters[start]!)) start++;
  if (side !== 'start') while (end > start && set.has(letters[end - 1]!)) end--;
  return letters.slice(start, end).join('');
}

/** First letter in upper case, the rest in lower case. */
export function capitalize(text: string): string {
  const [first = ''] = text;
  refuseSigma('capitalize', text);
  return titleCase(first) + text.slice(first.length).toLowerCase();
}

/** The small sigma is another at the end of a word, which only a whole text tells. */
function refuseSigma(method: string, text: string): void {
  if (text.includes('\u03a3')) unsupported(`${method} of a text with the letter \u03a3`);
}

/** Letters with a title case of their own: DŽ, LJ, NJ and DZ. */
const digraphs: Readonly<Record<string, string>> = Object.fromEntries(
  ['Ǆǅǆ', 'Ǉǈǉ', 'Ǌǋǌ', 'Ǳǲǳ'].flatMap((group) => [...group].map((letter) => [letter, group[1]!])),
);

export function titleCase(letter: string): string {
  const [first = '', ...rest] = letter.toUpperCase();
  return digraphs[letter] ?? first + rest.join('').toLowerCase();
}

/** `str.title`: a letter behind anything that has no case begins a word. */
function title(text: string): string {
  refuseSigma('title', text);
  let result = '';
  let inWord = false;
  for (const letter of text) {
    result += inWord ? letter.toLowerCase() : titleCase(letter);
    inWord = /\p{Cased}/u.test(letter);
  }
  return result;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: Python ends lines there too
const lineEnds = /\r\n|[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;

/** `str.splitlines`: the lines, without an empty one behind the last line end. */
export function splitLines(text: string, keepEnds = false): string[] {
  const lines: string[] = [];
  let start = 0;
  for (const { 0: end, index } of text.matchAll(lineEnds)) {
    lines.push(text.slice(start, keepEnds ? index + end.length : index));
    start = index + end.length;
  }
  if (start < text.length) lines.push(text.slice(start));
  return lines;
}

function split(text: string, args: Arguments, fromEnd: boolean, budget: Budget): string[] {
  const given = byName('split()', args, ['sep', 'maxsplit']);
  const most = given.maxsplit === undefined ? -1 : integerArgument('maxsplit', given.maxsplit);
  const separator = given.sep ?? null;
  if (separator === null)
    return fromEnd ? splitSpacesFromEnd(text, most, budget) : splitSpaces(text, most, budget);
  const by = textArgument('the separator', separator);
  if (by === '') throw new JinjaError('empty separator');
  if (fromEnd && mayOverlap(by)) unsupported('rsplit() at a separator that repeats itself');
  const parts = text.split(by);
  budget.step(parts.length);
  if (most < 0 || parts.length <= most + 1) return parts;
  return fromEnd
    ? [parts.slice(0, parts.length - most).join(by), ...parts.slice(parts.length - most)]
    : [...parts.slice(0, most), parts.slice(most).join(by)];
}

/** Whether two of the separators may share characters, so that it matters from where one looks. */
function mayOverlap(separator: string): boolean {
  for (let shift = 1; shift < separator.length; shift++)
    if (separator.startsWith(separator.slice(shift))) return true;
  return false;
}

function splitSpaces(text: string, most: number, budget: Budget): string[] {
  const parts: string[] = [];
  let rest = stripStart(text);
  while (rest !== '' && (most < 0 || parts.length < most)) {
    budget.step();
    const end = rest.search(space);
    if (end === -1) break;
    parts.push(rest.slice(0, end));
    rest = stripStart(rest.slice(end));
  }
  return rest === '' ? parts : [...parts, parts.length === most ? rest : stripEnd(rest)];
}

const space = new RegExp(whitespace);

function splitSpacesFromEnd(text: string, most: number, budget: Budget): string[] {
  if (most < 0) return splitSpaces(text, most, budget);
  const parts: string[] = [];
  let rest = stripEnd(text);
  while (rest !== '' && parts.length < most) {
    budget.step();
    let word = rest.length;
    while (word > 0 && !space.test(rest[word - 1]!)) word--;
    if (word === 0) break;
    parts.push(rest.slice(word));
    rest = stripEnd(rest.slice(0, word));
  }
  return [...(rest === '' ? [] : [rest]), ...parts.reverse()];
}

function affixes(what: string, value: Value | undefined): readonly string[] {
  if (value instanceof Tuple) return value.items.map((item) => textArgument(what, item));
  return [textArgument(what, value ?? null)];
}

/** `find` and its kin count code points, in the part from `start` to `end`. */
function find(text: string, args: Arguments, fromEnd: boolean): number {
  const given = byName('find()', args, ['sub', 'start', 'end']);
  if (given.start !== undefined || given.end !== undefined) unsupported('find() with a start or an end');
  const sought = textArgument('what is sought', given.sub ?? null);
  const index = fromEnd ? text.lastIndexOf(sought) : text.indexOf(sought);
  return index === -1 ? -1 : [...text.slice(0, index)].length;
}

function occurrences(text: string, sought: string): number {
  return sought === '' ? [...text].length + 1 : text.split(sought).length - 1;
}

/** `str.replace`; the budget is asked before the result is made. */
export function replace(text: string, old: string, by: string, most: number, budget: Budget): string {
  const count = most < 0 ? occurrences(text, old) : Math.min(most, occurrences(text, old));
  budget.characters(text.length + count * Math.max(0, by.length - old.length));
  const parts = old === '' ? ['', ...text, ''] : text.split(old);
  if (count >= parts.length - 1) return parts.join(by);
  return `${parts.slice(0, count + 1).join(by)}${old}${parts.slice(count + 1).join(old)}`;
}

function partition(text: string, args: Arguments, fromEnd: boolean): Tuple {
  const by = textArgument('the separator', byName('partition()', args, ['sep']).sep ?? null);
  if (by === '') throw new JinjaError('empty separator');
  const at = fromEnd ? text.lastIndexOf(by) : text.indexOf(by);
  if (at === -1) return new Tuple(fromEnd ? ['', '', text] : [text, '', '']);
  return new Tuple([text.slice(0, at), by, text.slice(at + by.length)]);
}

function pad(text: string, args: Arguments, left: boolean, budget: Budget): string {
  const { width, fillchar = ' ' } = byName('ljust()', args, ['width', 'fillchar']);
  const wanted = integerArgument('the width', width ?? null);
  const filler = textArgument('the filler', fillchar);
  if ([...filler].length !== 1) throw new JinjaError('the filler must be one character');
  const missing = Math.max(0, wanted - [...text].length);
  budget.characters(text.length + missing * filler.length);
  const padding = filler.repeat(missing);
  return left ? text + padding : padding + text;
}

/** Whether all characters fit; false for an empty text. */
const all = (pattern: RegExp) => (text: string) => pattern.test(text);

function isCased(text: string, wrong: RegExp, right: RegExp): boolean {
  return !wrong.test(text) && right.test(text);
}

/** Digits beyond the decimal ones (½ ² ①) belong to sets of their own in Python. */
function decimalOnly(method: string, text: string): boolean {
  if (/[\p{No}\p{Nl}]/u.test(text)) unsupported(`${method}() of '${text.slice(0, 20)}'`);
  return /^\p{Nd}+$/u.test(text);
}

const noArguments =
  (method: (text: string) => Value): TextMethod =>
  (text, args) => {
    byName('the method', args, []);
    return method(text);
  };

/** By name; what is not here and is in Python is in {@link missingTextMethods}. */
export const textMethods: ReadonlyMap<string, TextMethod> = new Map<string, TextMethod>([
  ['upper', noArguments((text) => text.toUpperCase())],
  ['lower', noArguments((text) => text.toLowerCase())],
  ['capitalize', noArguments(capitalize)],
  ['title', noArguments(title)],
  ['strip', (text, args) => strip(text, byName('strip()', args, ['chars']).chars, 'both')],
  ['lstrip', (text, args) => strip(text, byName('lstrip()', args, ['chars']).chars, 'start')],
  ['rstrip', (text, args) => strip(text, byName('rstrip()', args, ['chars']).chars, 'end')],
  ['split', (text, args, budget) => split(text, args, false, budget)],
  ['rsplit', (text, args, budget) => split(text, args, true, budget)],
  [
    'splitlines',
    (text, args) => splitLines(text, truth(byName('splitlines()', args, ['keepends']).keepends ?? false)),
  ],
  [
    'startswith',
    (text, args) =>
      affixes('the prefix', byName('startswith()', args, ['prefix']).prefix).some((it) =>
        text.startsWith(it),
      ),
  ],
  [
    'endswith',
    (text, args) =>
      affixes('the suffix', byName('endswith()', args, ['suffix']).suffix).some((it) => text.endsWith(it)),
  ],
  [
    'replace',
    (text, args, budget) => {
      const { old, new: by, count } = byName('replace()', args, ['old', 'new', 'count']);
      const most = count === undefined ? -1 : integerArgument('the count', count);
      return replace(
        text,
        textArgument('the old text', old ?? null),
        textArgument('the new text', by ?? null),
        most,
        budget,
      );
    },
  ],
  ['find', (text, args) => find(text, args, false)],
  ['rfind', (text, args) => find(text, args, true)],
  [
    'index',
    (text, args) => {
      const found = find(text, args, false);
      if (found === -1) throw new JinjaError('substring not found');
      return found;
    },
  ],
  [
    'count',
    (text, args) =>
      occurrences(text, textArgument('what is counted', byName('count()', args, ['sub']).sub ?? null)),
  ],
  [
    'join',
    (text, args, budget) => {
      const { iterable } = byName('join()', args, ['iterable']);
      if (!Array.isArray(iterable)) return unsupported('join() of something that is no list');
      const parts = iterable.map((item) => textArgument('what is joined', item));
      budget.characters(parts.reduce((sum, part) => sum + part.length + text.length, 0));
      return parts.join(text);
    },
  ],
  [
    'removeprefix',
    (text, args) => {
      const prefix = textArgument('the prefix', byName('removeprefix()', args, ['prefix']).prefix ?? null);
      return text.startsWith(prefix) ? text.slice(prefix.length) : text;
    },
  ],
  [
    'removesuffix',
    (text, args) => {
      const suffix = textArgument('the suffix', byName('removesuffix()', args, ['suffix']).suffix ?? null);
      return suffix !== '' && text.endsWith(suffix) ? text.slice(0, -suffix.length) : text;
    },
  ],
  ['partition', (text, args) => partition(text, args, false)],
  ['rpartition', (text, args) => partition(text, args, true)],
  ['ljust', (text, args, budget) => pad(text, args, true, budget)],
  ['rjust', (text, args, budget) => pad(text, args, false, budget)],
  ['isalpha', noArguments(all(/^\p{L}+$/u))],
  ['isalnum', noArguments(all(/^[\p{L}\p{N}]+$/u))],
  ['isspace', noArguments(all(new RegExp(`^${whitespace}+$`)))],
  ['isdigit', noArguments((text) => decimalOnly('isdigit', text))],
  ['isdecimal', noArguments(all(/^\p{Nd}+$/u))],
  ['isupper', noArguments((text) => isCased(text, /[\p{Lowercase}\p{Lt}]/u, /\p{Uppercase}/u))],
  ['islower', noArguments((text) => isCased(text, /[\p{Uppercase}\p{Lt}]/u, /\p{Lowercase}/u))],
]);

/** Methods that Python's `str` has and a template here has not. */
export const missingTextMethods: ReadonlySet<string> = new Set(
  (
    'casefold center encode expandtabs format format_map isascii isidentifier isnumeric isprintable istitle ' +
    'maketrans rindex swapcase translate zfill'
  ).split(' '),
);

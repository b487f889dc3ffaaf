import { type CharacterTest, charactersIn, charactersOf } from '../character-set.ts';
import { onigurumaWord, unicode16, whitespace } from '../unicode.ts';

/** What an escape such as `\n`, `\p{L}` or `\s` stands for: one character, or a class of them. */
export type Escape =
  | { readonly codePoint: number }
  | { readonly test: CharacterTest; readonly caseless: boolean };

const control: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7, e: 27 };

const general =
  'L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Cn Co';
const generalCategories = new Set(general.split(' '));

const classes: Readonly<Record<string, CharacterTest>> = {
  s: (codePoint) => whitespace.has(codePoint),
  d: unicode16('\\p{Nd}'),
  w: onigurumaWord,
  h: charactersIn('30-39 41-46 61-66'),
};

const wordInClass = unicode16('[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]');

/** Classes in brackets within brackets, `[[:alpha:]]`. */
export const posixClasses: Readonly<Record<string, CharacterTest>> = {
  space: classes.s!,
  digit: classes.d!,
  alpha: unicode16('\\p{Alphabetic}'),
  alnum: unicode16('[\\p{Alphabetic}\\p{Nd}]'),
};

const negated =
  (test: CharacterTest): CharacterTest =>
  (codePoint) =>
    !test(codePoint);

/**
 * Reads an escape of Oniguruma's Ruby syntax.
 *
 * @param rest the pattern from behind the backslash
 * @param inClass whether it stands in brackets, where \\w has fewer characters
 * @param fail throws, with what is not known
 * @returns what it stands for, and how many characters of `rest` it takes
 */
export function readEscape(
  rest: string,
  inClass: boolean,
  fail: (problem: string) => never,
): [Escape, number] {
  const letter = rest[0];
  if (letter === undefined) fail('ends in a backslash');
  const code = control[letter];
  if (code !== undefined) return [{ codePoint: code }, 1];
  const lower = letter.toLowerCase();
  const characterClass = lower === 'w' && inClass ? wordInClass : classes[lower];
  if (characterClass !== undefined) {
    const test = letter === lower ? characterClass : negated(characterClass);
    return [{ test, caseless: true }, 1];
  }
  if (lower === 'p') return readProperty(rest, fail);
  const hexadecimal = /^(?:x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4}))/.exec(rest);
  if (hexadecimal !== null) {
    const codePoint = Number.parseInt(hexadecimal[1] ?? hexadecimal[2] ?? hexadecimal[3]!, 16);
    if (codePoint > 0x10ffff || (hexadecimal[2] !== undefined && codePoint > 0x7f))
      fail(`\\${hexadecimal[0]} is not supported`);
    return [{ codePoint }, hexadecimal[0].length];
  }
  const codePoint = rest.codePointAt(0)!;
  if (/^[0-9A-Za-z]/.test(letter)) fail(`\\${letter} is not supported`);
  return [{ codePoint }, codePoint > 0xffff ? 2 : 1];
}

function readProperty(rest: string, fail: (problem: string) => never): [Escape, number] {
  const found = /^([pP])\{(\^?)([A-Za-z_]+)\}/.exec(rest);
  if (found === null) fail('\\p without a name in braces is not supported');
  const [whole, letter, caret, name] = found as unknown as [string, string, string, string];
  let characterClass: string;
  if (generalCategories.has(name)) characterClass = `\\p{${name}}`;
  else if (name === 'Alphabetic') characterClass = '\\p{Alphabetic}';
  else if (isScript(name)) characterClass = `\\p{Script=${name}}`;
  else return fail(`the property \\p{${name}} is not supported`);
  const test = unicode16(characterClass);
  const inverted = (letter === 'P') !== (caret === '^');
  return [{ test: inverted ? negated(test) : test, caseless: !/^L[ult]$/.test(name) }, whole.length];
}

function isScript(name: string): boolean {
  try {
    charactersOf(`\\p{Script=${name}}`);
    return true;
  } catch {
    return false;
  }
}

import { RE2JS } from 're2js';

/**
 * Python regular expressions (`re`), as PEFT's configurations hold them, matched in time linear in the text: they come from
 * strangers' files, and a backtracking matcher can be kept busy for ever by thirty characters. RE2's syntax is Python's for
 * nearly all that such patterns are made of; what it lacks, and what it would read otherwise, is refused by name.
 */
export interface PythonPattern {
  /** Whether the pattern matches a name. */
  matches(name: string): boolean;
  /** What a named group matched; undefined where the pattern does not match. */
  group(name: string, group: string): string | undefined;
  /** About how many steps a character of a name costs at most. */
  readonly size: number;
}

/**
 * `re.fullmatch(pattern, ...)`. Lookaheads at the beginning, as in `(?!.*vision).*q_proj`, are patterns of their own that
 * must or must not match the beginning of the name.
 *
 * @throws SyntaxError that names what cannot be expressed.
 */
export function fullMatch(pattern: string): PythonPattern {
  requireShort(pattern);
  const { flags, body } = withoutFlags(pattern);
  const { conditions, rest } = leadingLookaheads(body);
  const whole = compiled(`(?:${translate(rest)})`, flags);
  const conditionPatterns = conditions.map(({ wanted, source }) => ({
    wanted,
    found: compiled(`(?:${translate(source)})(?s:.*)`, flags),
  }));
  return {
    size: [whole, ...conditionPatterns.map(({ found }) => found)].reduce(
      (sum, one) => sum + one.programSize(),
      0,
    ),
    matches: (name) =>
      whole.testExact(name) &&
      conditionPatterns.every(({ wanted, found }) => found.testExact(name) === wanted),
    group: (name, group) => groupOf(whole, name, group),
  };
}

/**
 * `re.match(before + pattern + after, ...)`, for a pattern that PEFT embeds in one of its own.
 *
 * @param before - RE2's syntax; the match starts at the beginning of the name.
 * @param after - RE2's syntax.
 * @throws SyntaxError that names what cannot be expressed.
 */
export function matchWithin(before: string, pattern: string, after: string): PythonPattern {
  requireShort(pattern);
  const whole = compiled(`(?:${before}${translate(pattern)}${after})(?s:.*)`, 0);
  return {
    size: whole.programSize(),
    matches: (name) => whole.testExact(name),
    group: (name, group) => groupOf(whole, name, group),
  };
}

function requireShort(pattern: string): void {
  if (pattern.length > maximumLength) throw new SyntaxError(`it is longer than ${maximumLength} characters`);
}

function groupOf(pattern: RE2JS, name: string, group: string): string | undefined {
  const matcher = pattern.matcher(name);
  return matcher.matches() ? (matcher.group(group) ?? undefined) : undefined;
}

function compiled(source: string, flags: number): RE2JS {
  try {
    return RE2JS.compile(source, flags | RE2JS.LOOKBEHINDS);
  } catch (error) {
    throw new SyntaxError(`it is not valid (${(error as Error).message})`);
  }
}

const flagOf: Readonly<Record<string, number>> = {
  i: RE2JS.CASE_INSENSITIVE,
  m: RE2JS.MULTILINE,
  s: RE2JS.DOTALL,
  // Of no effect on names made of ASCII.
  a: 0,
  u: 0,
};

/** A pattern's leading `(?i)` and the like apart from its body. */
function withoutFlags(pattern: string): { readonly flags: number; readonly body: string } {
  const [leading = '', letters = ''] = /^\(\?([aimsu]+)\)/.exec(pattern) ?? [];
  const flags = [...letters].reduce((sum, letter) => sum | flagOf[letter]!, 0);
  return { flags, body: pattern.slice(leading.length) };
}

interface Lookahead {
  /** True for `(?=`, false for `(?!`. */
  readonly wanted: boolean;
  readonly source: string;
}

/** `(?!a)(?=b)c` as two conditions and `c`. Before an alternation they would belong to its first branch alone. */
function leadingLookaheads(pattern: string): {
  readonly conditions: readonly Lookahead[];
  readonly rest: string;
} {
  const conditions: Lookahead[] = [];
  let rest = pattern.replace(/^(?:\^|\\A)(?=\(\?[=!])/, '');
  for (let opening = lookahead.exec(rest); opening !== null; opening = lookahead.exec(rest)) {
    const tokens = [...rest.matchAll(token)];
    const end = closingBracket(tokens);
    if (end === undefined) break;
    conditions.push({ wanted: opening[1] === '=', source: rest.slice(opening[0].length, end) });
    rest = rest.slice(end + 1);
  }
  if (conditions.length > 0 && hasAlternation(rest)) refuse('a lookahead before an alternation, (?!a)b|c');
  return { conditions, rest };
}

const lookahead = /^\(\?([=!])/;

/** Escapes, character classes, group openings, and single characters. */
const token = /\\[\s\S]|\[\^?\]?(?:\\[\s\S]|[^\]\\])*\]|\(\?P?[<=!>:(#]?[=!]?|[\s\S]/g;

/** Where the bracket closes that the first token opens. */
function closingBracket(tokens: readonly RegExpExecArray[]): number | undefined {
  let depth = 0;
  for (const { 0: text, index } of tokens) {
    if (text.startsWith('(')) depth++;
    else if (text === ')') depth--;
    if (depth === 0) return index;
  }
  return undefined;
}

function hasAlternation(pattern: string): boolean {
  let depth = 0;
  for (const [text] of pattern.matchAll(token)) {
    if (text.startsWith('(')) depth++;
    else if (text === ')') depth--;
    else if (text === '|' && depth === 0) return true;
  }
  return false;
}

const maximumLength = 4096;

/** What Python and RE2 write differently, in RE2's way; what RE2 lacks or reads otherwise is refused. */
function translate(pattern: string): string {
  return pattern.replaceAll(token, (text, offset: number) => {
    if (text.startsWith('\\')) return translateEscape(text, pattern.slice(offset));
    if (text.startsWith('[') && text.length > 1) return translateClass(text);
    if (text.startsWith('(?')) return translateGroup(text, pattern.slice(offset));
    if (text === '{' && /^\{,\d*\}/.test(pattern.slice(offset)))
      refuse('a repetition without a lower bound, {,3}');
    return text;
  });
}

function translateClass(text: string): string {
  if (/\[:/.test(text.slice(1))) refuse('[: in a character class');
  return `[${text.slice(1).replaceAll(/\\(?:x..|[\s\S])/g, (found) => translateEscape(found, found))}`;
}

function translateEscape(text: string, rest: string): string {
  const escaped = text[1]!;
  if (escaped === 'Z') return '\\z';
  if (/[1-9]/.test(escaped)) refuse(`the backreference ${text}`);
  if (/[A-Za-z]/.test(escaped) && !/[AbBdDsSwWafnrtvx]/.test(escaped)) refuse(text);
  if (escaped === 'x' && !/^\\x[0-9a-fA-F]{2}/.test(rest)) refuse('\\x without two digits');
  return text;
}

const groupFeatures: readonly (readonly [RegExp, string])[] = [
  [/^\(\?P=/, 'the backreference (?P=...)'],
  [/^\(\?[=!]/, 'a lookahead, (?=...) or (?!...), elsewhere than at the beginning'],
  [/^\(\?>/, 'the atomic group (?>...)'],
  [/^\(\?\(/, 'the condition (?(...)...)'],
  [/^\(\?#/, 'the comment (?#...)'],
];

function translateGroup(text: string, rest: string): string {
  const feature = groupFeatures.find(([opening]) => opening.test(rest))?.[1];
  if (feature !== undefined) refuse(feature);
  if (!/^\(\?(:|P<|<[=!]|[ims]*-?[ims]*:)/.test(rest)) refuse(rest.slice(0, 4));
  return text;
}

function refuse(feature: string): never {
  throw new SyntaxError(
    `${feature} is not supported, as patterns are matched in linear time; name the layers in a list instead`,
  );
}

import { JinjaError, JinjaLimitError, unsupported } from './jinja-error.ts';
import { stripEnd, whitespace } from './whitespace.ts';

/** A piece of a template. */
export interface Token {
  readonly type:
    | 'text'
    | 'variable_begin'
    | 'variable_end'
    | 'block_begin'
    | 'block_end'
    | 'name'
    | 'string'
    | 'integer'
    | 'float'
    | 'operator'
    | 'end';
  readonly value: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Longest template, in characters. The longest known of a real model has some 30,000. */
const longestTemplate = 1_000_000;

const begin = /\{(\{|%|#)([-+]?)/g;
const rawBegin = new RegExp(`\\{%[-+]?${whitespace}*raw${whitespace}*(?:-%\\}${whitespace}*|%\\})`, 'y');
const rawEnd = new RegExp(
  `\\{%([-+]?)${whitespace}*endraw${whitespace}*(?:\\+%\\}|-%\\}${whitespace}*|%\\}\\n?)`,
  'g',
);
const commentEnd = new RegExp(`(?:\\+#\\}|-#\\}${whitespace}*|#\\}\\n?)`, 'g');
const blockEnd = new RegExp(`\\+%\\}|-%\\}${whitespace}*|%\\}\\n?`, 'y');
const variableEnd = new RegExp(`-\\}\\}${whitespace}*|\\}\\}`, 'y');

/** In the order in which Jinja tries them. */
const rules: readonly (readonly [Token['type'] | 'space', RegExp])[] = [
  ['space', new RegExp(`${whitespace}+`, 'y')],
  ['float', /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?e[+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/iy],
  ['integer', /0b(?:_?[01])+|0o(?:_?[0-7])+|0x(?:_?[\da-f])+|[1-9](?:_?\d)*|0(?:_?0)*/iy],
  ['name', /[\p{L}\p{N}_]+/uy],
  ['string', /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y],
  ['operator', /\/\/|\*\*|==|!=|<=|>=|[-+/*%~[\](){}<>=.:|,]/y],
];

/**
 * Cuts a template into tokens as Jinja does under `trim_blocks` and `lstrip_blocks`: line ends of any kind count as `\n`,
 * and one at the end is dropped.
 *
 * @throws JinjaError with the line, for what is no Jinja.
 */
export function tokens(template: string): Token[] {
  if (template.length > longestTemplate) throw new JinjaLimitError(`${longestTemplate} characters`);
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  const found: Token[] = [];
  let at = 0;
  let line = 1;
  let startsLine = true;
  const add = (type: Token['type'], value: string) => {
    found.push({ type, value, line });
  };
  const fail = (problem: string): never => {
    throw new JinjaError(`line ${line}: ${problem}`);
  };
  const advance = (to: number) => {
    for (
      let index = source.indexOf('\n', at);
      index !== -1 && index < to;
      index = source.indexOf('\n', index + 1)
    )
      line++;
    startsLine = source[to - 1] === '\n';
    at = to;
  };
  /** Text up to a tag, less what the tag takes away before it. */
  const textBefore = (end: number, sign: string, isVariable: boolean): string => {
    const text = source.slice(at, end);
    if (sign === '-') return stripEnd(text);
    if (sign === '+' || isVariable) return text;
    const lineStart = text.lastIndexOf('\n') + 1;
    const blank = stripEnd(text.slice(lineStart)) === '';
    return blank && (lineStart > 0 || startsLine) ? text.slice(0, lineStart) : text;
  };
  const addText = (text: string) => {
    if (text !== '') add('text', text);
  };
  while (at < source.length) {
    begin.lastIndex = at;
    const tag = begin.exec(source);
    if (tag === null) {
      addText(source.slice(at));
      break;
    }
    const [opening, kind, sign] = tag as unknown as [string, string, string];
    addText(textBefore(tag.index, sign, kind === '{'));
    rawBegin.lastIndex = tag.index;
    if (kind === '%' && rawBegin.test(source)) {
      advance(rawBegin.lastIndex);
      rawEnd.lastIndex = at;
      const ending = rawEnd.exec(source) ?? fail('the raw block has no end');
      addText(textBefore(ending.index, ending[1]!, false));
      advance(rawEnd.lastIndex);
    } else if (kind === '#') {
      advance(tag.index + opening.length);
      commentEnd.lastIndex = at;
      if (!commentEnd.test(source)) fail('the comment has no end');
      advance(commentEnd.lastIndex);
    } else {
      advance(tag.index + opening.length);
      readTag(kind === '{' ? 'variable' : 'block');
    }
  }
  add('end', '');
  return found;

  function readTag(tag: 'variable' | 'block'): void {
    add(`${tag}_begin`, '');
    const ending = tag === 'variable' ? variableEnd : blockEnd;
    const open: string[] = [];
    for (;;) {
      ending.lastIndex = at;
      if (open.length === 0 && ending.test(source)) {
        add(`${tag}_end`, '');
        advance(ending.lastIndex);
        return;
      }
      if (at >= source.length) fail(`the ${tag} has no end`);
      readToken(open);
    }
  }

  function readToken(open: string[]): void {
    for (const [type, rule] of rules) {
      rule.lastIndex = at;
      const [value] = rule.exec(source) ?? [];
      if (value === undefined) continue;
      if (type === 'operator') balance(open, value);
      if (type === 'string') add('string', unescaped(value.slice(1, -1)));
      else if (type === 'integer' || type === 'float') add(type, value.replaceAll('_', '').toLowerCase());
      else if (type !== 'space') add(type, value);
      advance(rule.lastIndex);
      return;
    }
    fail(`unexpected ${JSON.stringify(source[at])}`);
  }

  function balance(open: string[], bracket: string): void {
    if ('([{'.includes(bracket)) {
      open.push(bracket);
      if (open.length > 100) throw new JinjaLimitError('100 brackets inside each other');
    } else if (')]}'.includes(bracket)) {
      const opening = open.pop();
      if (opening === undefined || '([{'.indexOf(opening) !== ')]}'.indexOf(bracket))
        fail(`unexpected '${bracket}'`);
    }
  }
}

const escapes: Readonly<Record<string, string>> = {
  '\n': '',
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\x07',
  "'": "'",
  '"': '"',
  '\\': '\\',
};

/** Python's escapes in string literals; an unknown one stays as it is. */
function unescaped(text: string): string {
  return text.replace(
    /\\(?:([0-7]{1,3})|x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g,
    (whole, octal, byte, short, long, character) => {
      if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
      const code = byte ?? short ?? long;
      if (code !== undefined) {
        const point = Number.parseInt(code, 16);
        if (point > 0x10ffff) throw new JinjaError(`${whole} is no character`);
        if (point >= 0xd800 && point < 0xe000) unsupported(`${whole}, half of a character, in a text`);
        return String.fromCodePoint(point);
      }
      if (character === 'N') unsupported('\\N{...} in a text');
      if (character === 'x' || character === 'u' || character === 'U') {
        throw new JinjaError(`'${whole}' in a text is cut short`);
      }
      if (character > '\x7f') unsupported(`the escape ${whole} in a text`);
      return escapes[character] ?? whole;
    },
  );
}

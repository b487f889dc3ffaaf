/**
 * Python regular expressions (`re`), as PEFT's configurations hold them, for JavaScript's `RegExp`.
 *
 * JavaScript's `u` flag turns whatever the two dialects read differently and the translation does not cover
 * (possessive quantifiers, atomic groups, conditionals, `{,3}`) into a SyntaxError rather than a different match.
 */

/**
 * `re.fullmatch(pattern, ...)` as a RegExp.
 *
 * @throws SyntaxError when JavaScript cannot express the pattern.
 */
export function fullMatch(pattern: string): RegExp {
  const { flags, source } = translate(pattern);
  return new RegExp(`^(?:${source})$`, flags);
}

/**
 * `re.match(before + pattern + after, ...)` as a RegExp, for a pattern that PEFT embeds in one of its own.
 *
 * @param before - JavaScript source; the match starts at the beginning of the text.
 * @throws SyntaxError when JavaScript cannot express the pattern.
 */
export function matchWithin(before: string, pattern: string, after: string): RegExp {
  const { flags, source } = translate(pattern);
  return new RegExp(`^(?:${before}${source}${after})`, flags);
}

/** Leading `(?i)` and the like; `a` and `u` change nothing in names made of ASCII. */
const leadingFlags = /^\(\?([aimsu]+)\)/;

function translate(pattern: string): { readonly source: string; readonly flags: string } {
  const leading = leadingFlags.exec(pattern);
  const flags = [...new Set((leading?.[1] ?? '').replaceAll(/[au]/g, ''))].join('');
  const body = pattern
    .slice(leading?.[0].length ?? 0)
    .replaceAll(/\\[\s\S]|\(\?P<|\(\?P=(\w+)\)/g, (token, group: string | undefined) => {
      if (token === '(?P<') return '(?<';
      if (group !== undefined) return `\\k<${group}>`;
      const escaped = token[1]!;
      if (escaped === 'A') return '^';
      if (escaped === 'Z') return '$';
      // Python lets any punctuation be escaped (re.escape does), JavaScript only its own; `-` only inside a class.
      if (escaped === '-') return '\\x2d';
      return /[A-Za-z0-9^$\\.*+?()[\]{}|/]/.test(escaped) ? token : escaped;
    });
  return { source: body, flags: `${flags}u` };
}

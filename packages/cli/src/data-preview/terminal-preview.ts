import { styleText } from 'node:util';
import { type PreviewedExample, type PreviewedToken, visiblePieces } from '@safetune/datasets';
import { wrapAnsi } from 'fast-wrap-ansi';
import { printable, printableName } from '../terminal/printable.ts';
import { wrapLines } from '../terminal/wrap.ts';
import { countsText, ruleTexts } from './preview-texts.ts';

/** Without colours, learned text stands between these; a weight that is not 1 follows the first. */
const [opening, closing] = ['\u27e6', '\u27e7'];

/** Backgrounds of the 256 colours, from light weights to full ones; black is read on all of them. */
const shades = [230, 194, 157, 120];

// biome-ignore lint/suspicious/noControlCharactersInRegex: what sets and ends a style; names of invisible characters are only slanted
const sgr = /\x1b\[(?!23m|3m)[\d;]+m/g;

/** How the marks are to be read. */
export function legendText(columns: number | undefined, hasStyles: boolean): string {
  const text = legend(hasStyles);
  return columns === undefined ? text : wrapAnsi(text, columns);
}

function legend(hasStyles: boolean): string {
  if (!hasStyles) {
    return `${opening}learned${closing} ${opening}0.5:learned by half${closing} not learned; \u21b5 line feed, \u21e5 tab, U+200B an invisible character`;
  }
  const kinds = [
    ['learned', 1, 'text'],
    ['weighs less', 0.4, 'text'],
    ['end of turn', 1, 'end-of-turn'],
    ['not learned', 0, 'text'],
    ['special', 0, 'special'],
  ] as const;
  return kinds.map(([text, weight, kind]) => styled(styleOf({ weight, kind }), text)).join(' ');
}

/** An example for a terminal of so many columns, or for a pipe. Nothing in it commands the terminal. */
export function examplePreview(
  example: PreviewedExample,
  columns: number | undefined,
  hasStyles: boolean,
): string {
  const bold = (text: string) => (hasStyles ? styleText('bold', text, { validateStream: false }) : text);
  const wrapped = (text: string) => (columns === undefined ? text : wrapLines(text, columns));
  const kept = example.tokens.filter(({ isCut }) => !isCut);
  const tokens = hasStyles
    ? styledLines(kept, columns ?? 80)
    : columns === undefined
      ? plain(kept)
      : wrapAnsi(plain(kept), columns, { hard: true, trim: false });
  return [
    bold(wrapped(`${printableName(example.where)}  ${countsText(example)}`)),
    wrapped(printable(`roles: ${example.roles.join(', ')}`)),
    ...example.rules.map((rule) => wrapped(`answers found by ${ruleTexts[rule]}`)),
    ...(example.refusal === undefined ? [] : [wrapped(printable(`refused: ${example.refusal}`))]),
    tokens,
    ...(example.cut > 0 ? [`--- cut: ${example.cut} more tokens are not seen ---`] : []),
  ].join('\n');
}

function visible(text: string, hasStyles: boolean): string {
  return visiblePieces(text)
    .map((piece) => (piece.isName && hasStyles ? `\x1b[3m${piece.text}\x1b[23m` : piece.text))
    .join('');
}

function styleOf({ weight, kind }: Pick<PreviewedToken, 'weight' | 'kind'>): string {
  const shade = shades[Math.min(shades.length, Math.ceil(weight * shades.length)) - 1];
  const colours = shade === undefined ? [] : [`38;5;16;48;5;${shade}`];
  const weights = { 'end-of-turn': ['1;4'], special: ['36'], text: shade === undefined ? ['2'] : [] };
  return [...colours, ...(kind === 'special' && shade !== undefined ? [] : weights[kind])].join(';');
}

function styled(codes: string, text: string): string {
  return codes === '' ? text : `\x1b[${codes}m${text}\x1b[0m`;
}

/** Tokens in their styles, broken to the columns; no style runs over the end of a line, where its background would go on. */
function styledLines(tokens: readonly PreviewedToken[], columns: number): string {
  const runs: { codes: string; text: string }[] = [];
  for (const token of tokens) {
    const [codes, last] = [styleOf(token), runs.at(-1)];
    if (last?.codes === codes) last.text += visible(token.text, true);
    else runs.push({ codes, text: visible(token.text, true) });
  }
  const whole = runs.map(({ codes, text }) => styled(codes, text)).join('');
  let open = '';
  return wrapAnsi(whole, columns, { hard: true, trim: false })
    .split('\n')
    .map((line) => {
      const begins = open;
      for (const [style] of line.matchAll(sgr)) open = style === '\x1b[0m' ? '' : style;
      return `${begins}${line}${open === '' ? '' : '\x1b[0m'}`;
    })
    .join('\n');
}

/** Runs of one weight between brackets. */
function plain(tokens: readonly PreviewedToken[]): string {
  const parts: string[] = [];
  let weight = 0;
  for (const token of [...tokens, { weight: 0, text: '' }]) {
    if (token.weight !== weight) {
      if (weight > 0) parts.push(closing);
      if (token.weight > 0)
        parts.push(opening, token.weight === 1 ? '' : `${Number(token.weight.toFixed(3))}:`);
      weight = token.weight;
    }
    parts.push(visible(token.text, false));
  }
  return parts.join('');
}

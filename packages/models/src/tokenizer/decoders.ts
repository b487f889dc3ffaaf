import { z } from 'zod';
import { fromByteAlphabet } from './byte-alphabet.ts';
import { longestAddition, replaceMatches } from './normalizers.ts';
import { matcherOf, patternField } from './pattern-field.ts';
import { buildComponent, type ComponentBuilder, character, component, type Place } from './place.ts';

/** Turns the texts of tokens into parts of a text. */
export type Decoder = (tokens: readonly string[]) => string[];

/** @throws UnsupportedTokenizerError that names the setting. */
export function buildDecoder(content: unknown, place: Place): Decoder {
  return buildComponent(builders, content, place);
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });
const strict = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

const builders: Readonly<Record<string, ComponentBuilder<Decoder>>> = {
  Sequence: component({ decoders: z.array(z.unknown()) }, ({ decoders }, place) => {
    const steps = decoders.map((step, index) => buildDecoder(step, place.at('decoders').at(index)));
    return (tokens) =>
      steps.reduce<string[]>(
        (before, step) => {
          const after = step(before);
          place.work.change(characters(before), characters(after), 'the decoder');
          return after;
        },
        [...tokens],
      );
  }),
  ByteLevel: component(
    // These settings are the pre-tokenizer's; a decoder does the same with all of them.
    { add_prefix_space: z.boolean(), trim_offsets: z.boolean(), use_regex: z.boolean().default(true) },
    () => (tokens) => [lenient.decode(Buffer.concat(tokens.map(fromByteAlphabet)))],
  ),
  Metaspace: component(
    {
      replacement: character,
      prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
      split: z.boolean().nullish(),
      add_prefix_space: z.boolean().nullish(),
      str_rep: z.string().nullish(),
    },
    ({ replacement, prepend_scheme: scheme, add_prefix_space: prefix }, place) => {
      if (prefix === false && scheme !== 'never')
        place.at('add_prefix_space').refuse(`false contradicts prepend_scheme '${scheme}'`);
      return (tokens) =>
        tokens.map((token, index) =>
          token.replaceAll(replacement, index === 0 && scheme !== 'never' ? '' : ' '),
        );
    },
  ),
  WordPiece: component(
    { prefix: z.string(), cleanup: z.boolean() },
    ({ prefix, cleanup }) =>
      (tokens) =>
        tokens.map((token, index) => {
          const joined =
            index === 0 ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
          return cleanup ? wordPieceCleanUp(joined) : joined;
        }),
  ),
  BPEDecoder: component(
    { suffix: z.string() },
    ({ suffix }) =>
      (tokens) =>
        tokens.map((token, index) => replaceLiteral(token, suffix, index === tokens.length - 1 ? '' : ' ')),
  ),
  ByteFallback: component({}, () => decodeByteTokens),
  Fuse: component({}, () => (tokens) => [tokens.join('')]),
  Replace: component(
    { pattern: patternField, content: z.string().max(longestAddition) },
    ({ pattern, content }, place) => {
      const matcher = matcherOf(pattern, place.at('pattern'));
      return (tokens) =>
        tokens.map((token) => {
          const matches = matcher(token);
          place.work.change(
            token.length,
            token.length + (matches.length / 2) * content.length,
            'the decoder',
          );
          return replaceMatches(token, matches, content);
        });
    },
  ),
  Strip: component(
    { content: character, start: z.number().int().nonnegative(), stop: z.number().int().nonnegative() },
    ({ content, start, stop }) =>
      (tokens) =>
        tokens.map((token) => stripToken(token, content, start, stop)),
  ),
};

function characters(tokens: readonly string[]): number {
  return tokens.reduce((sum, token) => sum + token.length, 0);
}

/** Rust replaces an empty text too: between all characters. */
function replaceLiteral(token: string, literal: string, content: string): string {
  return literal === ''
    ? `${content}${[...token].map((part) => part + content).join('')}`
    : token.replaceAll(literal, content);
}

function stripToken(token: string, content: string, start: number, stop: number): string {
  let first = 0;
  for (let count = 0; count < start && token.startsWith(content, first); count++) first += content.length;
  let last = token.length;
  for (let count = 0; count < stop && last > 0 && token.slice(0, last).endsWith(content); count++)
    last -= content.length;
  return token.slice(first, last);
}

/** The byte that a token such as `<0x61>` stands for. */
export function byteOfToken(token: string): number | undefined {
  return /^<0x(?:[0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/.test(token)
    ? Number.parseInt(token.slice(3, 5).replace('+', ''), 16)
    : undefined;
}

/** Tokens such as `<0x61>` as the text of their bytes; those that are no text each become U+FFFD. */
function decodeByteTokens(tokens: readonly string[]): string[] {
  const parts: string[] = [];
  let bytes: number[] = [];
  const flush = () => {
    if (bytes.length === 0) return;
    try {
      parts.push(strict.decode(Uint8Array.from(bytes)));
    } catch {
      for (const _ of bytes) parts.push('\ufffd');
    }
    bytes = [];
  };
  for (const token of tokens) {
    const byte = byteOfToken(token);
    if (byte !== undefined) bytes.push(byte);
    else {
      flush();
      parts.push(token);
    }
  }
  flush();
  return parts;
}

function wordPieceCleanUp(text: string): string {
  const replacements: readonly [string, string][] = [
    [' .', '.'],
    [' ?', '?'],
    [' !', '!'],
    [' ,', ','],
    [" ' ", "'"],
    [" n't", "n't"],
    [" 'm", "'m"],
    [' do not', " don't"],
    [" 's", "'s"],
    [" 've", "'ve"],
    [" 're", "'re"],
  ];
  return replacements.reduce((cleaned, [from, to]) => cleaned.replaceAll(from, to), text);
}

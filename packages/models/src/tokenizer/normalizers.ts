import { z } from 'zod';
import { toByteAlphabet } from './byte-alphabet.ts';
import { type CharacterSet, codePointAt, previousPosition, unitsOf } from './character-set.ts';
import type { Excerpt } from './excerpt.ts';
import { matcherOf, patternField } from './pattern-field.ts';
import { buildComponent, type ComponentBuilder, component, type Place } from './place.ts';
import { readCharacterMap } from './precompiled.ts';
import {
  beyondNormalization,
  combiningMark,
  controlCharacter,
  nonspacingMark,
  whitespace,
} from './unicode.ts';

/** Changes a text before it is split into words. */
export type Normalizer = (excerpt: Excerpt) => Excerpt;

/** Characters that a component may put into a text at one place. */
export const longestAddition = 1024;

type Form = 'NFC' | 'NFD' | 'NFKC' | 'NFKD';

/** @throws UnsupportedTokenizerError that names the setting. */
export function buildNormalizer(content: unknown, place: Place): Normalizer {
  return buildComponent(builders, content, place);
}

const builders: Readonly<Record<string, ComponentBuilder<Normalizer>>> = {
  Sequence: component({ normalizers: z.array(z.unknown()) }, ({ normalizers }, place) => {
    const steps = normalizers.map((step, index) => buildNormalizer(step, place.at('normalizers').at(index)));
    return (excerpt) =>
      steps.reduce((before, step) => {
        const after = step(before);
        place.work.change(before.text.length, after.text.length, 'the normalizer');
        return after;
      }, excerpt);
  }),
  NFC: component({}, () => mapText(unicodeForm('NFC'))),
  NFD: component({}, () => mapText(unicodeForm('NFD'))),
  NFKC: component({}, () => mapText(unicodeForm('NFKC'))),
  NFKD: component({}, () => mapText(unicodeForm('NFKD'))),
  Lowercase: component({}, () => mapText(lowercase)),
  StripAccents: component({}, () => without((codePoint) => combiningMark.has(codePoint))),
  Strip: component({ strip_left: z.boolean(), strip_right: z.boolean() }, (fields) => ({ text, atStart }) => {
    const end = fields.strip_right ? beforeWhitespace(text, text.length, 0) : text.length;
    const start = fields.strip_left ? behindWhitespace(text, 0, end) : 0;
    return { text: text.slice(start, end), atStart: atStart && start === 0 };
  }),
  Prepend: component(
    { prepend: z.string().min(1, 'must not be empty').max(longestAddition) },
    ({ prepend }) => mapText((text) => (text === '' ? text : prepend + text)),
  ),
  Replace: component(
    { pattern: patternField, content: z.string().max(longestAddition) },
    ({ pattern, content }, place) => {
      const matcher = matcherOf(pattern, place.at('pattern'));
      return ({ text, atStart }) => {
        const matches = matcher(text);
        place.work.change(text.length, text.length + (matches.length / 2) * content.length, 'the normalizer');
        // What is put in place of a match comes from where the match's last character did.
        const keepsStart =
          matches.length === 0 ||
          matches[0]! > 0 ||
          matches[1] === 0 ||
          (content !== '' && matches[1] === unitsOf(codePointAt(text, 0)));
        return { text: replaceMatches(text, matches, content), atStart: atStart && keepsStart };
      };
    },
  ),
  ByteLevel: component({}, () => mapText(toByteAlphabet)),
  BertNormalizer: component(
    {
      clean_text: z.boolean(),
      handle_chinese_chars: z.boolean(),
      strip_accents: z.boolean().nullish(),
      lowercase: z.boolean(),
    },
    (fields) => {
      const steps: Normalizer[] = [];
      if (fields.clean_text) {
        steps.push(
          without(isControl),
          mapText((text) => mapCharacters(text, (codePoint) => whitespace.has(codePoint), ' ')),
        );
      }
      if (fields.handle_chinese_chars) steps.push(mapText((text) => text.replace(ideograph, ' $& ')));
      if (fields.strip_accents ?? fields.lowercase)
        steps.push(
          mapText(unicodeForm('NFD')),
          without((codePoint) => nonspacingMark.has(codePoint)),
        );
      if (fields.lowercase) steps.push(mapText(lowercase));
      return (excerpt) => steps.reduce((changed, step) => step(changed), excerpt);
    },
  ),
  Nmt: component({}, () => {
    const remove = without((codePoint) => nmtRemoved.test(String.fromCodePoint(codePoint)));
    return (excerpt) => {
      const { text, atStart } = remove(excerpt);
      return { text: text.replace(nmtSpace, ' '), atStart };
    };
  }),
  Precompiled: component({ precompiled_charsmap: z.string() }, (fields, place) =>
    mapText(readCharacterMap(fields.precompiled_charsmap, place.at('precompiled_charsmap'))),
  ),
};

// As BERT's: extension E without its first 0x100 characters.
const ideograph =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that it removes
const nmtRemoved = /[\x01-\x08\x0B\x0E-\x1F\x7F\x8F\x9F]/;
const nmtSpace = /[\t\n\f\r\u1680\u200B-\u200F\u2028\u2029\u2581\uFEFF\uFFFD]/g;

function isControl(codePoint: number): boolean {
  if (codePoint === 9 || codePoint === 10 || codePoint === 13) return false;
  return codePoint === 0 || codePoint === 0xfffd || controlCharacter.has(codePoint);
}

function mapText(change: (text: string) => string): Normalizer {
  return ({ text, atStart }) => ({ text: change(text), atStart });
}

/** Takes characters out. */
function without(isRemoved: (codePoint: number) => boolean): Normalizer {
  return ({ text, atStart }) => ({
    text: mapCharacters(text, isRemoved, ''),
    atStart: atStart && text !== '' && !isRemoved(codePointAt(text, 0)),
  });
}

function mapCharacters(text: string, isMapped: (codePoint: number) => boolean, content: string): string {
  let mapped = '';
  let kept = 0;
  for (let position = 0; position < text.length; ) {
    const codePoint = codePointAt(text, position);
    const end = position + unitsOf(codePoint);
    if (isMapped(codePoint)) {
      mapped += text.slice(kept, position) + content;
      kept = end;
    }
    position = end;
  }
  return kept === 0 ? text : mapped + text.slice(kept);
}

/** Text with its matches replaced. */
export function replaceMatches(text: string, matches: readonly number[], content: string): string {
  let replaced = '';
  let kept = 0;
  for (let index = 0; index < matches.length; index += 2) {
    replaced += text.slice(kept, matches[index]) + content;
    kept = matches[index + 1]!;
  }
  return replaced + text.slice(kept);
}

/** Character by character: no final sigma. The last pairs are newer than the Unicode of some JavaScript engines. */
function lowercase(text: string): string {
  const lower = (part: string) => part.toLowerCase();
  const cased = text.includes('Σ') ? text.split('Σ').map(lower).join('σ') : lower(text);
  return cased.replace(/[\uA7CE\uA7D2\uA7D4]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 1));
}

function unicodeForm(form: Form): (text: string) => string {
  return (text) => {
    let changed = '';
    let start = 0;
    for (let position = 0; position < text.length; ) {
      const codePoint = codePointAt(text, position);
      const end = position + unitsOf(codePoint);
      if (codePoint > 0x7f && beyondNormalization.has(codePoint)) {
        changed += text.slice(start, position).normalize(form) + text.slice(position, end);
        start = end;
      }
      position = end;
    }
    return changed + text.slice(start).normalize(form);
  };
}

/** The position behind the whitespace that begins at `start`. */
export function behindWhitespace(
  text: string,
  start: number,
  end: number,
  set: CharacterSet = whitespace,
): number {
  let position = start;
  while (position < end && set.has(text.charCodeAt(position))) position++;
  return position;
}

/** The position before the whitespace that ends at `end`, or `start` where it begins before that. */
export function beforeWhitespace(text: string, end: number, start: number): number {
  if (end <= start) return start;
  let position = end;
  while (position > start && whitespace.has(codePointAt(text, previousPosition(text, position))))
    position = previousPosition(text, position);
  return position;
}

import { z } from 'zod';
import { toByteAlphabet } from './byte-alphabet.ts';
import { type CharacterSet, codePointAt, unitsOf } from './character-set.ts';
import { type Excerpt, type SplitBehavior, splitBehaviors, splitExcerpt } from './excerpt.ts';
import { matcherOf, patternField } from './pattern-field.ts';
import { buildComponent, type ComponentBuilder, character, component, type Place } from './place.ts';
import { numeric, punctuation, whitespace, wordCharacter } from './unicode.ts';

/** Splits a text into words. */
export type PreTokenizer = (excerpts: readonly Excerpt[]) => Excerpt[];

/** @throws UnsupportedTokenizerError that names the setting. */
export function buildPreTokenizer(content: unknown, place: Place): PreTokenizer {
  return buildComponent(builders, content, place);
}

const behavior = z.enum(splitBehaviors);

const builders: Readonly<Record<string, ComponentBuilder<PreTokenizer>>> = {
  Sequence: component({ pretokenizers: z.array(z.unknown()) }, ({ pretokenizers }, place) => {
    const steps = pretokenizers.map((step, index) =>
      buildPreTokenizer(step, place.at('pretokenizers').at(index)),
    );
    return (excerpts) =>
      steps.reduce<Excerpt[]>(
        (before, step) => {
          const after = step(before);
          place.work.change(characters(before), characters(after), 'the pre-tokenizer');
          return after;
        },
        [...excerpts],
      );
  }),
  Split: component({ pattern: patternField, behavior, invert: z.boolean() }, (fields, place) => {
    const matcher = matcherOf(fields.pattern, place.at('pattern'));
    return each((excerpt) => splitExcerpt(excerpt, matcher(excerpt.text), fields.behavior, fields.invert));
  }),
  ByteLevel: component(
    { add_prefix_space: z.boolean(), trim_offsets: z.boolean(), use_regex: z.boolean().default(true) },
    (fields, place) => {
      const words = fields.use_regex ? place.pattern(gpt2Pattern) : undefined;
      return each((excerpt) => {
        const { atStart } = excerpt;
        const text =
          fields.add_prefix_space && !excerpt.text.startsWith(' ') ? ` ${excerpt.text}` : excerpt.text;
        const split =
          words === undefined
            ? [{ text, atStart }]
            : splitExcerpt({ text, atStart }, words.matches(text), 'Isolated');
        return split.map((word) => ({ text: toByteAlphabet(word.text), atStart: word.atStart }));
      });
    },
  ),
  Metaspace: component(
    {
      replacement: character,
      prepend_scheme: z.enum(['always', 'first', 'never']).default('always'),
      split: z.boolean().nullish(),
      add_prefix_space: z.boolean().nullish(),
      str_rep: z.string().nullish(),
    },
    (fields, place) => {
      const { replacement, prepend_scheme: scheme } = fields;
      if (fields.add_prefix_space === false && scheme !== 'never')
        place.at('add_prefix_space').refuse(`false contradicts prepend_scheme '${scheme}'`);
      return each(({ text, atStart }) => {
        const spaced = text.replaceAll(' ', replacement);
        const prepends = scheme === 'always' || (scheme === 'first' && atStart);
        const whole = prepends && !spaced.startsWith(replacement) ? replacement + spaced : spaced;
        if (fields.split === false) return [{ text: whole, atStart }];
        return splitExcerpt({ text: whole, atStart }, literalMatches(whole, replacement), 'MergedWithNext');
      });
    },
  ),
  Whitespace: component({}, () =>
    each((excerpt) => splitExcerpt(excerpt, wordMatches(excerpt.text), 'Removed', true)),
  ),
  WhitespaceSplit: component({}, () => characterSplit(whitespace, 'Removed')),
  BertPreTokenizer: component({}, () => {
    const words = characterSplit(whitespace, 'Removed');
    const marks = characterSplit(punctuation, 'Isolated');
    return (excerpts) => marks(words(excerpts));
  }),
  Punctuation: component({ behavior: behavior.default('Isolated') }, (fields) =>
    characterSplit(punctuation, fields.behavior),
  ),
  Digits: component({ individual_digits: z.boolean() }, (fields) =>
    characterSplit(numeric, fields.individual_digits ? 'Isolated' : 'Contiguous'),
  ),
  CharDelimiterSplit: component({ delimiter: character }, ({ delimiter }) =>
    each((excerpt) => splitExcerpt(excerpt, literalMatches(excerpt.text, delimiter), 'Removed')),
  ),
  FixedLength: component({ length: z.number().int().positive().default(5) }, ({ length }) =>
    each(({ text, atStart }) => {
      const characters = [...text];
      const chunks = Array.from({ length: Math.ceil(characters.length / length) }, (_, index) =>
        characters.slice(index * length, (index + 1) * length).join(''),
      );
      return chunks.map((chunk, index) => ({ text: chunk, atStart: atStart && index === 0 }));
    }),
  ),
};

/** The words of GPT-2, which ByteLevel has built in. */
export const gpt2Pattern =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

function characters(excerpts: readonly Excerpt[]): number {
  return excerpts.reduce((sum, { text }) => sum + text.length, 0);
}

function each(split: (excerpt: Excerpt) => Excerpt[]): PreTokenizer {
  return (excerpts) => (excerpts.length === 1 ? split(excerpts[0]!) : excerpts.flatMap(split));
}

function characterSplit(set: CharacterSet, splitBehavior: SplitBehavior): PreTokenizer {
  return each((excerpt) => splitExcerpt(excerpt, characterMatches(excerpt.text, set), splitBehavior));
}

function characterMatches(text: string, set: CharacterSet): number[] {
  const matches: number[] = [];
  for (let position = 0; position < text.length; ) {
    const codePoint = codePointAt(text, position);
    const end = position + unitsOf(codePoint);
    if (set.has(codePoint)) matches.push(position, end);
    position = end;
  }
  return matches;
}

function literalMatches(text: string, literal: string): number[] {
  const matches: number[] = [];
  for (let start = text.indexOf(literal); start !== -1; start = text.indexOf(literal, start + literal.length))
    matches.push(start, start + literal.length);
  return matches;
}

/** Runs of word characters, and runs of what is neither word nor whitespace: `\w+|[^\w\s]+`. */
function wordMatches(text: string): number[] {
  const matches: number[] = [];
  let previous = 0;
  for (let position = 0; position < text.length; ) {
    const codePoint = codePointAt(text, position);
    const end = position + unitsOf(codePoint);
    const kind = wordCharacter.has(codePoint) ? 1 : whitespace.has(codePoint) ? 0 : 2;
    if (kind !== 0 && kind === previous) matches[matches.length - 1] = end;
    else if (kind !== 0) matches.push(position, end);
    previous = kind;
    position = end;
  }
  return matches;
}

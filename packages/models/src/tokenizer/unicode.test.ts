import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { type CharacterTest, charactersIn } from './character-set.ts';
import { buildNormalizer } from './normalizers.ts';
import { Pattern } from './pattern/match.ts';
import { Place } from './place.ts';
import { combiningMark, numeric, punctuation, whitespace, wordCharacter } from './unicode.ts';
import { WorkLimit } from './work-limit.ts';

type Ranges = readonly (readonly [number, number])[];

interface Classes {
  readonly expressions: Readonly<Record<string, Ranges>>;
  readonly whitespace: Ranges;
  readonly numeric: Ranges;
  readonly punctuation: Ranges;
  readonly word: Ranges;
  readonly combining: Ranges;
  readonly normalizers: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const characters = Array.from({ length: 0x110000 }, (_, codePoint) => String.fromCodePoint(codePoint)).filter(
  (character) => character.isWellFormed(),
);
const everyCharacter = characters.join('');

/** Hexadecimal code points on which the two disagree. */
function disagreements(ranges: Ranges, test: CharacterTest): string[] {
  const expected = new Uint8Array(0x110000);
  for (const [first, last] of ranges) expected.fill(1, first, last + 1);
  return characters
    .map((character) => character.codePointAt(0)!)
    .filter((codePoint) => (expected[codePoint] === 1) !== test(codePoint))
    .map((codePoint) => codePoint.toString(16));
}

function matchedBy(source: string): CharacterTest {
  const work = new WorkLimit();
  work.begin(everyCharacter.length);
  const matches = new Pattern(source, work).matches(everyCharacter);
  const matched = new Set(
    matches.filter((_, index) => index % 2 === 0).map((start) => everyCharacter.codePointAt(start)!),
  );
  return (codePoint) => matched.has(codePoint);
}

function changes(content: object): (text: string) => string {
  const normalize = buildNormalizer(content, new Place('tokenizer.json', 'normalizer'));
  return (text) => normalize({ text, atStart: true }).text;
}

describe('classes of characters', () => {
  it('count U+0085 as a space and U+FEFF as none', () => {
    expect([0x85, 0xfeff, 0x2028, 0x200b].map((codePoint) => whitespace.has(codePoint))).toEqual([
      true,
      false,
      true,
      false,
    ]);
  });

  it('are lists of code points and ranges', () => {
    expect([0x60, 0x61, 0x7a, 0x7b, 0x5f].map(charactersIn('61-7a 5f'))).toEqual([
      false,
      true,
      true,
      false,
      true,
    ]);
  });
});

describe.skipIf(pythonWith('tokenizers') === undefined)(
  'against Python tokenizers (skipped without it)',
  () => {
    it('classes and normalisers do the same to every character', async () => {
      const classes = (await runPython('character_classes.py', [])) as Classes;
      for (const [source, ranges] of Object.entries(classes.expressions)) {
        expect(disagreements(ranges, matchedBy(source)), source).toEqual([]);
      }
      expect(disagreements(classes.whitespace, (codePoint) => whitespace.has(codePoint))).toEqual([]);
      expect(disagreements(classes.numeric, (codePoint) => numeric.has(codePoint))).toEqual([]);
      expect(disagreements(classes.punctuation, (codePoint) => punctuation.has(codePoint))).toEqual([]);
      expect(disagreements(classes.word, (codePoint) => wordCharacter.has(codePoint))).toEqual([]);
      expect(disagreements(classes.combining, (codePoint) => combiningMark.has(codePoint))).toEqual([]);
      const accents = changes({
        type: 'BertNormalizer',
        clean_text: false,
        handle_chinese_chars: false,
        strip_accents: true,
        lowercase: false,
      });
      for (const [type, expected] of Object.entries(classes.normalizers)) {
        const change = type === 'accents' ? accents : changes({ type });
        // On lines of their own, since neighbours combine.
        const lines = characters.filter((character) => character !== '\n');
        const changed = change(lines.join('\n')).split('\n');
        const wrong = lines.filter(
          (character, index) => changed[index] !== (expected[character.codePointAt(0)!] ?? character),
        );
        expect(wrong, type).toEqual([]);
      }
    }, 180_000);
  },
);

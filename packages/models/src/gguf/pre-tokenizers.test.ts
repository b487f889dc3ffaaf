import { describe, expect, it } from 'vitest';
import { preTokenizers } from './pre-tokenizers.ts';
import { knownPreTokenizer } from './write/pre-tokenizer.ts';

describe('preTokenizers', () => {
  it('has every name once', () => {
    const names = preTokenizers.flatMap(({ names }) => names);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(preTokenizers.map((settings) => [settings.names[0], settings] as const))(
    'what %s stands for is written by a name that stands for the same',
    (_, { splits, ignoreMerges }) => {
      const content = splits.length === 1 ? splits[0] : { type: 'Sequence', pretokenizers: splits };
      const written = knownPreTokenizer(content, ignoreMerges);
      const meant = preTokenizers.find(({ names }) => names[0] === written?.name);
      expect(meant?.splits).toEqual(splits);
      expect(meant?.ignoreMerges).toBe(ignoreMerges);
    },
  );

  it.each([
    [
      'llama-bpe',
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      true,
    ],
    [
      'qwen2',
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
      false,
    ],
  ])('knows %s by the pattern in the tokenizer.json of the family', (name, pattern, ignoreMerges) => {
    const split = { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false };
    const bytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: false, use_regex: false };
    const content = { type: 'Sequence', pretokenizers: [split, bytes] };
    expect(knownPreTokenizer(content, ignoreMerges)).toEqual({ name, differences: [] });
  });
});

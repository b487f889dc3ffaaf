import { z } from 'zod';

/** What a pre-tokenizer does, as far as llama.cpp can do it: the patterns it splits by, in order. */
type Splits = readonly string[];

/** GPT-2's words; what `ByteLevel` splits by. */
const gpt2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const digit = '\\p{N}';
/** The words of cl100k and its descendants, with numbers in groups of at most so many digits. */
const cl100k = (numbers: string) =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;
/** The words of o200k and Mistral's Tekken. */
const [upper, lower] = ['\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}', '\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}'];
const o200k = (contractions: string, numbers: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?[${upper}]*[${lower}]+${contractions}|[^\\r\\n\\p{L}\\p{N}]?[${upper}]+[${lower}]*${contractions}|` +
  `${numbers}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const asciiCase =
  'llama.cpp tells upper from lower case in ASCII only when it splits words, and may split others elsewhere.';

/** llama.cpp's names (`tokenizer.ggml.pre`), with what they mean there (`llama-vocab.cpp`). */
const preTokenizers: readonly {
  readonly name: string;
  readonly splits: Splits;
  /** Words that are tokens are taken whole, whatever the merges say. */
  readonly ignoreMerges: boolean;
  /** What llama.cpp's own pattern does otherwise. */
  readonly difference?: string;
}[] = [
  { name: 'gpt-2', splits: [gpt2], ignoreMerges: false },
  { name: 'smollm', splits: [digit, gpt2], ignoreMerges: false },
  { name: 'qwen2', splits: [cl100k(digit)], ignoreMerges: false },
  { name: 'llama-bpe', splits: [cl100k(`${digit}{1,3}`)], ignoreMerges: true },
  { name: 'smaug-bpe', splits: [cl100k(`${digit}{1,3}`)], ignoreMerges: false },
  { name: 'tekken', splits: [o200k('', digit)], ignoreMerges: true, difference: asciiCase },
  {
    name: 'gpt-4o',
    splits: [o200k("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", `${digit}{1,3}`)],
    ignoreMerges: false,
    difference: asciiCase,
  },
  {
    name: 'deepseek-v3',
    splits: [
      `${digit}{1,3}`,
      '[一-龥぀-ゟ゠-ヿ]+',
      '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+',
    ],
    ignoreMerges: false,
  },
];

const step = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('ByteLevel'),
    add_prefix_space: z.literal(false),
    use_regex: z.boolean().default(true),
  }),
  z.object({ type: z.literal('Digits'), individual_digits: z.literal(true) }),
  z.object({
    type: z.literal('Split'),
    pattern: z.object({ Regex: z.string() }),
    behavior: z.enum(['Isolated', 'Removed']),
    invert: z.boolean(),
  }),
]);

/** A pre-tokenizer as llama.cpp knows it. */
export interface KnownPreTokenizer {
  readonly name: string;
  /** What it does otherwise than the tokenizer: sentences. */
  readonly differences: readonly string[];
}

/**
 * llama.cpp's pre-tokenizer that splits as that of a byte-level tokenizer does: it has a fixed list.
 *
 * @returns undefined when there is none.
 */
export function knownPreTokenizer(content: unknown, ignoreMerges: boolean): KnownPreTokenizer | undefined {
  const splits = splitsOf(content)?.join('\n');
  const alike = preTokenizers.filter((known) => known.splits.join('\n') === splits);
  const found = alike.find((known) => known.ignoreMerges === ignoreMerges) ?? alike[0];
  if (found === undefined) return undefined;
  const merges =
    found.ignoreMerges === ignoreMerges
      ? []
      : ['Where a word is a token by itself, llama.cpp may split it otherwise than Python (ignore_merges).'];
  return { name: found.name, differences: [...(found.difference ? [found.difference] : []), ...merges] };
}

function splitsOf(content: unknown): Splits | undefined {
  const sequence = z.object({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) });
  const steps = sequence.safeParse(content).data?.pretokenizers ?? [content];
  const splits: string[] = [];
  let bytes = false;
  for (const each of steps) {
    const { data } = step.safeParse(each);
    if (data === undefined || bytes) return undefined;
    if (data.type === 'Digits') splits.push(digit);
    else if (data.type === 'Split') {
      // Matches kept apart, or all but the matches removed: the same, for patterns that leave nothing between matches.
      if ((data.behavior === 'Removed') !== data.invert) return undefined;
      splits.push(data.pattern.Regex);
    } else {
      bytes = true;
      if (data.use_regex) splits.push(gpt2);
    }
  }
  return bytes ? splits : undefined;
}

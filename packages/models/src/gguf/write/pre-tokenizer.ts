import { z } from 'zod';
import { gpt2Pattern } from '../../tokenizer/pre-tokenizers.ts';
import { preTokenizers } from '../pre-tokenizers.ts';

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
  if (splits === undefined) return undefined;
  const alike = preTokenizers.filter(
    (known) => splitsOf({ type: 'Sequence', pretokenizers: known.splits })?.join('\n') === splits,
  );
  const found = alike.find((known) => known.ignoreMerges === ignoreMerges) ?? alike[0];
  if (found === undefined) return undefined;
  const merges =
    found.ignoreMerges === ignoreMerges
      ? []
      : ['Where a word is a token by itself, llama.cpp may split it otherwise than Python (ignore_merges).'];
  return { name: found.names[0], differences: [...(found.difference ? [found.difference] : []), ...merges] };
}

/** The patterns that a byte-level pre-tokenizer splits by, in order; undefined for one that does anything else. */
function splitsOf(content: unknown): readonly string[] | undefined {
  const sequence = z.object({ type: z.literal('Sequence'), pretokenizers: z.array(z.unknown()) });
  const steps = sequence.safeParse(content).data?.pretokenizers ?? [content];
  const splits: string[] = [];
  let bytes = false;
  for (const each of steps) {
    const { data } = step.safeParse(each);
    if (data === undefined || bytes) return undefined;
    if (data.type === 'Digits') splits.push('\\p{N}');
    else if (data.type === 'Split') {
      // Matches kept apart, or all but the matches removed: the same, for patterns that leave nothing between matches.
      if ((data.behavior === 'Removed') !== data.invert) return undefined;
      splits.push(data.pattern.Regex);
    } else {
      bytes = true;
      if (data.use_regex) splits.push(gpt2Pattern);
    }
  }
  return bytes ? splits : undefined;
}

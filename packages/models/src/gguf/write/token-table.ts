import { z } from 'zod';
import { ExportError } from '../../errors.ts';

/** llama.cpp's kinds of tokens. */
const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

const addedToken = z.looseObject({
  id: z.number().int().nonnegative(),
  content: z.string(),
  special: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  single_word: z.boolean().default(false),
});

/** What the writer reads of tokenizer.json. */
export const tokenizerFile = z.looseObject({
  added_tokens: z.array(addedToken).nullish(),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  model: z.looseObject({
    type: z.string().optional(),
    vocab: z.unknown().optional(),
    merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])).optional(),
    byte_fallback: z.boolean().nullish(),
    ignore_merges: z.boolean().nullish(),
    unk_token: z.string().nullish(),
  }),
});

export type TokenizerFile = z.output<typeof tokenizerFile>;

/** The tokens of a vocabulary, one for every row of the embedding: llama.cpp takes the two for the same. */
export interface TokenTable {
  readonly tokens: readonly string[];
  readonly types: Int32Array;
  readonly added: ReadonlySet<number>;
  readonly differences: readonly string[];
  idOf(token: string): number | undefined;
}

/**
 * Lays the vocabulary and the added tokens out by id; rows without a token get one that is never used.
 *
 * @throws ExportError for a token without a row.
 */
export function tokenTable(content: TokenizerFile, rows: number, target: string): TokenTable {
  const vocabulary = z.record(z.string(), z.number().int().nonnegative()).safeParse(content.model.vocab);
  if (!vocabulary.success)
    throw new ExportError(target, 'model.vocab of tokenizer.json is no map of tokens to ids');
  const ids = new Map(Object.entries(vocabulary.data));
  const added = content.added_tokens ?? [];
  const beyond = [...ids.values(), ...added.map(({ id }) => id)].find((id) => id >= rows);
  if (beyond !== undefined) {
    throw new ExportError(target, `the tokenizer has a token ${beyond}, the embedding only ${rows} rows`);
  }
  const tokens = Array.from({ length: rows }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(rows).fill(tokenTypes.unused);
  const bytes = content.model.byte_fallback === true;
  for (const [token, id] of ids) {
    tokens[id] = token;
    const isByte = bytes && /^<0x[0-9A-F]{2}>$/.test(token);
    types[id] = isByte ? tokenTypes.byte : tokenTypes.normal;
  }
  for (const { id, content: token, special } of added) {
    const control = special || looksSpecial(token);
    // llama.cpp finds such a token in text in which spaces are still spaces.
    tokens[id] = control ? token : token.replaceAll('▁', ' ');
    types[id] = control ? tokenTypes.control : tokenTypes.userDefined;
    ids.set(token, id);
  }
  const unknown = bytes ? ids.get(content.model.unk_token ?? '') : undefined;
  if (unknown !== undefined) types[unknown] = tokenTypes.unknown;
  const strange = added.filter(({ lstrip, rstrip, single_word: word }) => lstrip || rstrip || word);
  const differences = strange.map(
    ({ content: token }) => `llama.cpp does not heed lstrip, rstrip and single_word of the token '${token}'.`,
  );
  return {
    tokens,
    types,
    added: new Set(added.map(({ id }) => id)),
    differences,
    idOf: (token) => ids.get(token),
  };
}

/** Tokens that some tokenizers forget to mark as special: the rule of llama.cpp's converter. */
function looksSpecial(token: string): boolean {
  return (
    ['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(token) ||
    /^<\|.*\|>$/s.test(token) ||
    /^<｜.*｜>$/s.test(token) ||
    /^<unused.*>$/s.test(token)
  );
}

/** llama.cpp merges whatever pair makes the token of the highest score: the first merge that makes it decides. */
export function scores({ model }: TokenizerFile, { tokens, added, idOf }: TokenTable): Float32Array {
  const scores = new Float32Array(tokens.length).fill(-1000);
  const merges = model.merges ?? [];
  for (let rank = merges.length - 1; rank >= 0; rank--) {
    const id = idOf(pairOf(merges[rank]!).join(''));
    if (id !== undefined && !added.has(id)) scores[id] = -rank;
  }
  return scores;
}

function pairOf(merge: string | readonly [string, string]): readonly string[] {
  return typeof merge === 'string' ? merge.split(' ') : merge;
}

/** A space inside a token would be taken for the one between the two. */
export function mergeText(merge: string | readonly [string, string]): string {
  return typeof merge === 'string' ? merge : merge.map((part) => part.replaceAll(' ', 'Ġ')).join(' ');
}

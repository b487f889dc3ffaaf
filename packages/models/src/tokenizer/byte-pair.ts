import { z } from 'zod';
import { TokenizationError } from '../errors.ts';
import { codePointAt, unitsOf } from './character-set.ts';
import { type MergeTable, mergeSymbols, readMerges } from './merges.ts';
import { component } from './place.ts';
import type { TokenModel } from './token-model.ts';
import { readVocabulary, type Vocabulary } from './vocabulary.ts';

const longestCachedWord = 64;
const mostCachedWords = 20_000;

const fields = {
  dropout: z.number().nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.string().nullish(),
  end_of_word_suffix: z.string().nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.boolean().nullish(),
  ignore_merges: z.boolean().nullish(),
  vocab: z.unknown(),
  merges: z.unknown(),
};

/** Byte-pair encoding: merges neighbours, the pair learnt first first. */
export const buildBytePair = component(fields, (content, place): TokenModel => {
  if (content.dropout != null && content.dropout !== 0)
    place.at('dropout').refuse('merges dropped at random are not supported; set it to null');
  const vocabulary = readVocabulary(content.vocab, place.at('vocab'));
  const prefix = content.continuing_subword_prefix ?? '';
  const merges = readMerges(content.merges, vocabulary.ids, prefix, place.at('merges'));
  return new BytePair(vocabulary, merges, {
    prefix,
    suffix: content.end_of_word_suffix ?? '',
    unknown: content.unk_token == null ? undefined : (vocabulary.ids.get(content.unk_token) ?? 'missing'),
    fusesUnknown: content.fuse_unk ?? false,
    bytes: content.byte_fallback ? byteIds(vocabulary) : undefined,
    ignoresMerges: content.ignore_merges ?? false,
  });
});

interface BytePairOptions {
  readonly prefix: string;
  readonly suffix: string;
  readonly unknown: number | 'missing' | undefined;
  readonly fusesUnknown: boolean;
  /** Id of `<0x00>` to `<0xFF>`, where there is one; undefined when bytes stand for nothing. */
  readonly bytes: readonly (number | undefined)[] | undefined;
  readonly ignoresMerges: boolean;
}

class BytePair implements TokenModel {
  readonly #vocabulary: Vocabulary;
  readonly #merges: MergeTable;
  readonly #options: BytePairOptions;
  readonly #cache = new Map<string, readonly number[]>();
  /** Whether words are cut at borders: what is in between is short, and comes again. */
  readonly #cuts: boolean;

  constructor(vocabulary: Vocabulary, merges: MergeTable, options: BytePairOptions) {
    this.#vocabulary = vocabulary;
    this.#merges = merges;
    this.#options = options;
    this.#cuts = options.prefix === '' && options.suffix === '';
  }

  get size(): number {
    return this.#vocabulary.ids.size;
  }

  tokenId(token: string): number | undefined {
    return this.#vocabulary.ids.get(token);
  }

  tokenText(id: number): string | undefined {
    return this.#vocabulary.tokens.get(id);
  }

  tokenize(word: string, ids: number[]): void {
    const whole = this.#options.ignoresMerges ? this.#vocabulary.ids.get(word) : undefined;
    if (whole !== undefined) {
      ids.push(whole);
      return;
    }
    if (!this.#cuts) {
      this.#merge(word, ids);
      return;
    }
    const { borders } = this.#merges;
    for (let start = 0; start < word.length; ) {
      const end = borders.next(word, start);
      this.#merge(word.slice(start, end), ids);
      start = end;
    }
  }

  #merge(word: string, ids: number[]): void {
    let merged = this.#cache.get(word);
    if (merged === undefined) {
      merged = mergeSymbols(this.#symbols(word), this.#merges);
      if (word.length <= longestCachedWord) {
        if (this.#cache.size >= mostCachedWords) this.#cache.clear();
        this.#cache.set(copied(word), merged);
      }
    }
    for (const id of merged) ids.push(id);
  }

  /** The ids of a word's characters. Without an id for unknown ones, these are left out, and their neighbours may merge. */
  #symbols(word: string): number[] {
    const { prefix, suffix, fusesUnknown } = this.#options;
    const symbols: number[] = [];
    let unknown: number | undefined;
    for (let position = 0; position < word.length; ) {
      const end = position + unitsOf(codePointAt(word, position));
      let symbol = word.slice(position, end);
      if (position > 0) symbol = prefix + symbol;
      if (end === word.length) symbol += suffix;
      position = end;
      const id = this.#vocabulary.ids.get(symbol);
      if (id !== undefined) {
        if (unknown !== undefined) symbols.push(unknown);
        unknown = undefined;
        symbols.push(id);
      } else if (!this.#pushBytes(symbol, symbols)) {
        if (unknown !== undefined && !fusesUnknown) symbols.push(unknown);
        unknown = this.#unknown();
      }
    }
    if (unknown !== undefined) symbols.push(unknown);
    return symbols;
  }

  #pushBytes(symbol: string, symbols: number[]): boolean {
    const { bytes } = this.#options;
    if (bytes === undefined) return false;
    const found = Array.from(Buffer.from(symbol), (byte) => bytes[byte]);
    if (found.includes(undefined)) return false;
    for (const id of found) symbols.push(id!);
    return true;
  }

  #unknown(): number | undefined {
    if (this.#options.unknown !== 'missing') return this.#options.unknown;
    throw new TokenizationError(
      "the tokenizer's unk_token is not in its vocabulary, and the text has an unknown character",
    );
  }
}

/** A string of its own: a slice would keep the whole text that it was cut from in memory. */
function copied(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

/** Ids of the tokens `<0x00>` to `<0xFF>`. */
export function byteIds({ ids }: Pick<Vocabulary, 'ids'>): (number | undefined)[] {
  return Array.from({ length: 256 }, (_, byte) =>
    ids.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  );
}

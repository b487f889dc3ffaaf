import { z } from 'zod';
import { TokenizationError } from '../errors.ts';
import { byteIds } from './byte-pair.ts';
import { codePointAt, unitsOf } from './character-set.ts';
import { component } from './place.ts';
import type { TokenModel } from './token-model.ts';
import { Trie } from './trie.ts';
import { checkSize, checkToken, shown } from './vocabulary.ts';
import type { WorkLimit } from './work-limit.ts';

/** How much less likely an unknown character is than the least likely token. */
const unknownPenalty = 10;
/** Characters of all tokens together. */
const mostCharacters = 2 ** 24;

/** SentencePiece's unigram model: the likeliest way to cut a text into tokens. */
export const buildUnigram = component(
  {
    unk_id: z.number().int().nonnegative().nullish(),
    byte_fallback: z.boolean().default(false),
    vocab: z.unknown(),
  },
  (content, place): TokenModel => {
    const vocabularyPlace = place.at('vocab');
    if (!Array.isArray(content.vocab)) vocabularyPlace.refuse('must be a list of tokens with their scores');
    const entries = content.vocab as readonly unknown[];
    checkSize(entries.length, vocabularyPlace);
    const tokens: string[] = [];
    const scores = new Float64Array(entries.length);
    let characters = 0;
    for (const [id, entry] of entries.entries()) {
      const [token, score] = isScored(entry)
        ? entry
        : vocabularyPlace.at(id).refuse('must be a token and its score');
      checkToken(token, vocabularyPlace);
      characters += token.length;
      tokens.push(token);
      scores[id] = score;
    }
    if (characters > mostCharacters)
      vocabularyPlace.refuse(`has tokens of ${characters} characters together, more than ${mostCharacters}`);
    const unknown = content.unk_id ?? undefined;
    if (unknown !== undefined && unknown >= tokens.length)
      place.at('unk_id').refuse(`${unknown} is not in the vocabulary of ${tokens.length} tokens`);
    return new Unigram(tokens, scores, unknown, content.byte_fallback, place.work);
  },
);

function isScored(entry: unknown): entry is readonly [string, number] {
  return (
    Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string' && typeof entry[1] === 'number'
  );
}

class Unigram implements TokenModel {
  readonly #tokens: readonly string[];
  readonly #scores: Float64Array;
  readonly #ids: ReadonlyMap<string, number>;
  readonly #trie: Trie;
  readonly #unknown: number | undefined;
  readonly #unknownScore: number;
  readonly #bytes: readonly (number | undefined)[] | undefined;
  readonly #work: WorkLimit;

  constructor(
    tokens: readonly string[],
    scores: Float64Array,
    unknown: number | undefined,
    byteFallback: boolean,
    work: WorkLimit,
  ) {
    this.#work = work;
    this.#tokens = tokens;
    this.#scores = scores;
    this.#ids = new Map(tokens.map((token, id) => [token, id]));
    this.#trie = new Trie(tokens.length);
    for (const [token, id] of this.#ids) if (token !== '') this.#trie.add(token, id);
    this.#unknown = unknown;
    this.#unknownScore =
      scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - unknownPenalty;
    this.#bytes = byteFallback ? byteIds({ ids: this.#ids }) : undefined;
  }

  get size(): number {
    return this.#tokens.length;
  }

  tokenId(token: string): number | undefined {
    return this.#ids.get(token);
  }

  tokenText(id: number): string | undefined {
    return this.#tokens[id];
  }

  tokenize(word: string, ids: number[]): void {
    for (const piece of this.#likeliestPieces(word)) {
      const id = this.#ids.get(piece);
      if (id !== undefined) ids.push(id);
      else if (!this.#pushBytes(piece, ids)) ids.push(this.#unknownId());
    }
  }

  /** Viterbi's algorithm; unknown characters in a row are one piece. */
  #likeliestPieces(word: string): string[] {
    const scores = new Float64Array(word.length + 1);
    const starts = new Int32Array(word.length + 1).fill(-1);
    const ids = new Int32Array(word.length + 1);
    const offer = (start: number, end: number, id: number, score: number) => {
      if (starts[end] !== -1 && score <= scores[end]!) return;
      scores[end] = score;
      starts[end] = start;
      ids[end] = id;
    };
    for (let start = 0; start < word.length; ) {
      const next = start + unitsOf(codePointAt(word, start));
      let node = 0;
      let hasSingle = false;
      for (let end = start; end < word.length; ) {
        node = this.#trie.step(node, word.charCodeAt(end++));
        if (node === -1) break;
        this.#work.spend(1, 'the vocabulary');
        const id = this.#trie.valueAt(node);
        if (id === -1) continue;
        offer(start, end, id, this.#scores[id]! + scores[start]!);
        if (end === next) hasSingle = true;
      }
      if (!hasSingle) {
        const score = this.#unknownScore + scores[start]!;
        if (starts[next] === -1 || score > scores[next]!) offer(start, next, this.#unknownId(), score);
      }
      start = next;
    }
    const pieces: string[] = [];
    let unknownEnd = -1;
    for (let end = word.length; end > 0; ) {
      const start = starts[end]!;
      if (ids[end] === this.#unknown) unknownEnd = unknownEnd === -1 ? end : unknownEnd;
      else {
        if (unknownEnd !== -1) pieces.push(word.slice(end, unknownEnd));
        unknownEnd = -1;
        pieces.push(word.slice(start, end));
      }
      end = start;
    }
    if (unknownEnd !== -1) pieces.push(word.slice(0, unknownEnd));
    return pieces.reverse();
  }

  #pushBytes(piece: string, ids: number[]): boolean {
    const bytes = this.#bytes;
    if (bytes === undefined) return false;
    const found = Array.from(Buffer.from(piece), (byte) => bytes[byte]);
    if (found.includes(undefined)) return false;
    for (const id of found) ids.push(id!);
    return true;
  }

  #unknownId(): number {
    if (this.#unknown !== undefined) return this.#unknown;
    throw new TokenizationError(
      `the tokenizer has no unk_id, and the text has a character that none of its tokens has, such as ${shown('�')}`,
    );
  }
}

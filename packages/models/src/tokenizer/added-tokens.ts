import { z } from 'zod';
import { codePointAt, previousPosition } from './character-set.ts';
import { beforeWhitespace, behindWhitespace, type Normalizer } from './normalizers.ts';
import type { Place } from './place.ts';
import type { TokenModel } from './token-model.ts';
import { Trie } from './trie.ts';
import { wordCharacter } from './unicode.ts';
import { checkId, checkToken, shown } from './vocabulary.ts';
import type { WorkLimit } from './work-limit.ts';

const longestAddedToken = 1024;
const mostAddedTokens = 100_000;

/** A token that is found in the text before the model sees it. */
export interface AddedToken {
  readonly content: string;
  readonly single_word: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  readonly normalized: boolean;
  readonly special: boolean;
}

const flagNames = ['single_word', 'lstrip', 'rstrip', 'normalized', 'special'] as const;

export const addedTokenFields = {
  content: z.string(),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
  normalized: z.boolean().optional(),
  special: z.boolean().default(false),
};

/** Added tokens as tokenizer.json lists them. */
export const addedTokensSchema = z.array(z.strictObject({ id: z.unknown(), ...addedTokenFields }));

/** Where an added token was found; `id` -1 marks the text between. */
export interface Found {
  readonly start: number;
  readonly end: number;
  readonly id: number;
}

/** The tokens added to a model's own. */
export class AddedTokens {
  readonly #model: TokenModel;
  readonly #normalize: Normalizer | undefined;
  readonly #work: WorkLimit;
  readonly #ids = new Map<string, number>();
  readonly #tokens = new Map<number, AddedToken>();
  /** What a token is once it is normalised, where that differs. */
  readonly #normalized = new Map<number, string>();
  readonly #special = new Set<string>();
  #inText = new Trie(0);
  #inNormalized = new Trie(0);

  constructor(model: TokenModel, normalize: Normalizer | undefined, work: WorkLimit) {
    this.#work = work;
    this.#model = model;
    this.#normalize = normalize;
  }

  /**
   * Adds tokens: one that the model has keeps its id, others are numbered on from the last.
   *
   * @param tokens with the id that the file says, if it says one
   * @throws UnsupportedTokenizerError when the file says another id, or two tokens cannot be told apart.
   */
  add(tokens: readonly (AddedToken & { readonly id?: unknown })[], place: Place): void {
    if (tokens.length > mostAddedTokens)
      place.refuse(`has ${tokens.length} entries; at most ${mostAddedTokens} are supported`);
    this.#work.begin(tokens.reduce((sum, { content }) => sum + content.length, 0));
    const last = [...this.#tokens.keys()].reduce((most, id) => Math.max(most, id), -1);
    let next = Math.max(last + 1, this.#model.size);
    for (const { id: said, ...token } of tokens) {
      const { content } = token;
      checkToken(content, place);
      if (content === '') continue;
      if (content.length > longestAddedToken)
        place.refuse(`${shown(content)} is longer than ${longestAddedToken} characters`);
      const id = this.tokenId(content) ?? next++;
      if (said !== undefined) {
        checkId(content, said, place);
        if (said !== id)
          place.refuse(
            `${shown(content)} has the id ${said}, but by the vocabulary it is ${id}; the files do not belong together`,
          );
      }
      this.#ids.set(content, id);
      this.#tokens.set(id, token);
      const normalized = this.#normalize?.({ text: content, atStart: true }).text;
      if (token.normalized && normalized !== undefined && normalized !== content)
        this.#normalized.set(id, normalized);
      if (token.special) this.#special.add(content);
    }
    this.#inText = this.#trieOf(false, place);
    this.#inNormalized = this.#trieOf(true, place);
  }

  has(content: string): boolean {
    return this.#ids.has(content);
  }

  /** Whether a token of the same text and flags is there. */
  hasAlike(token: AddedToken): boolean {
    const id = this.#ids.get(token.content);
    const known = id === undefined ? undefined : this.#tokens.get(id);
    return known !== undefined && flagNames.every((flag) => known[flag] === token[flag]);
  }

  tokenId(content: string): number | undefined {
    return this.#ids.get(content) ?? this.#model.tokenId(content);
  }

  /** The text that decoders get. */
  tokenText(id: number): string | undefined {
    const token = this.#tokens.get(id);
    return token === undefined ? this.#model.tokenText(id) : (this.#normalized.get(id) ?? token.content);
  }

  /** Whether decoding leaves a token out on request, by the text that decoders get. */
  isSpecial(text: string): boolean {
    return this.#special.has(text);
  }

  /** Ids of the special tokens. */
  specialIds(): ReadonlySet<number> {
    return new Set([...this.#tokens].flatMap(([id, { special }]) => (special ? [id] : [])));
  }

  /** The added tokens in a text, and the text between them. @param normalized whether the text is normalised */
  find(text: string, normalized: boolean): Found[] {
    const trie = normalized ? this.#inNormalized : this.#inText;
    const found: Found[] = [];
    let behind = 0;
    for (let position = 0; position < text.length; ) {
      const match = longestMatch(trie, text, position, this.#work);
      if (match === undefined) {
        position++;
        continue;
      }
      position = match.end;
      const token = this.#tokens.get(match.id)!;
      if (token.single_word && !standsAlone(text, match)) continue;
      const start = token.lstrip ? beforeWhitespace(text, match.start, behind) : match.start;
      const end = token.rstrip ? behindWhitespace(text, Math.max(match.end, behind), text.length) : match.end;
      if (behind < start) found.push({ start: behind, end: start, id: -1 });
      // Spaces on its left that the token before took count once: a token of nothing but those is dropped.
      if (start < end) found.push({ start, end, id: match.id });
      behind = end;
    }
    if (behind < text.length) found.push({ start: behind, end: text.length, id: -1 });
    return found;
  }

  #trieOf(normalized: boolean, place: Place): Trie {
    const trie = new Trie(this.#tokens.size);
    const seen = new Set<string>();
    for (const [id, token] of this.#tokens) {
      if (token.normalized !== normalized) continue;
      const text = normalized ? (this.#normalized.get(id) ?? token.content) : token.content;
      if (text === '') place.refuse(`${shown(token.content)} is nothing once it is normalised`);
      if (seen.has(text)) place.refuse(`two tokens are ${shown(text)} once they are normalised`);
      seen.add(text);
      trie.add(text, id);
    }
    return trie;
  }
}

function longestMatch(trie: Trie, text: string, start: number, work: WorkLimit): Found | undefined {
  let node = 0;
  let match: Found | undefined;
  for (let end = start; end < text.length; ) {
    node = trie.step(node, text.charCodeAt(end++));
    if (node === -1) break;
    work.spend(1, 'the added tokens');
    const id = trie.valueAt(node);
    if (id !== -1) match = { start, end, id };
  }
  return match;
}

function standsAlone(text: string, { start, end }: Found): boolean {
  const before = start > 0 && wordCharacter.has(codePointAt(text, previousPosition(text, start)));
  const after = end < text.length && wordCharacter.has(codePointAt(text, end));
  return !before && !after;
}

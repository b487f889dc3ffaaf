import { z } from 'zod';
import { type AddedToken, AddedTokens, addedTokensSchema } from './added-tokens.ts';
import { fromByteAlphabet } from './byte-alphabet.ts';
import { buildBytePair } from './byte-pair.ts';
import { buildDecoder, byteOfToken, type Decoder } from './decoders.ts';
import { checkMetaspaceOrder } from './metaspace-order.ts';
import { buildNormalizer, type Normalizer } from './normalizers.ts';
import { buildComponent, type ComponentBuilder, Place } from './place.ts';
import { checkPostProcessor } from './post-processors.ts';
import { buildPreTokenizer, type PreTokenizer } from './pre-tokenizers.ts';
import type { TokenModel } from './token-model.ts';
import { buildUnigram } from './unigram.ts';
import { buildWordLevel, buildWordPiece } from './word-models.ts';
import type { WorkLimit } from './work-limit.ts';

const models: Readonly<Record<string, ComponentBuilder<TokenModel>>> = {
  BPE: buildBytePair,
  Unigram: buildUnigram,
  WordPiece: buildWordPiece,
  WordLevel: buildWordLevel,
};

const fileSchema = z.strictObject({
  version: z.literal('1.0').nullish(),
  // Training and evaluation set lengths themselves: as in transformers, these settings of the file do not apply.
  truncation: z.unknown().optional(),
  padding: z.unknown().optional(),
  added_tokens: z.unknown().optional(),
  normalizer: z.unknown().optional(),
  pre_tokenizer: z.unknown().optional(),
  post_processor: z.unknown().optional(),
  decoder: z.unknown().optional(),
  model: z.looseObject({ type: z.string().optional() }),
});

/** A tokenizer as its tokenizer.json describes it: normaliser, pre-tokenizer, model, added tokens, decoder. */
export class TextTokenizer {
  readonly #normalize: Normalizer | undefined;
  readonly #split: PreTokenizer | undefined;
  readonly #decoder: Decoder | undefined;
  readonly #spellsBytes: boolean;
  readonly #fallsBackToBytes: boolean;
  readonly #model: TokenModel;
  readonly #work: WorkLimit;
  /** Kind of its model, as tokenizer.json names it. */
  readonly modelType: string;
  readonly added: AddedTokens;

  /**
   * @param file its name, for messages
   * @param content of tokenizer.json
   * @throws UnsupportedTokenizerError that names a setting which is not supported.
   */
  constructor(file: string, content: unknown) {
    const place = new Place(file, '');
    this.#work = place.work;
    const parts = place.check(content, fileSchema);
    const modelType = parts.model.type ?? typeOfOldModel(parts.model);
    this.modelType = modelType;
    this.#model = buildComponent(models, { ...parts.model, type: modelType }, place.at('model'));
    const normalizer = place.at('normalizer');
    this.#normalize = parts.normalizer == null ? undefined : buildNormalizer(parts.normalizer, normalizer);
    const preTokenizer = place.at('pre_tokenizer');
    this.#split =
      parts.pre_tokenizer == null ? undefined : buildPreTokenizer(parts.pre_tokenizer, preTokenizer);
    checkMetaspaceOrder(parts.normalizer, parts.pre_tokenizer, preTokenizer);
    this.#decoder = parts.decoder == null ? undefined : buildDecoder(parts.decoder, place.at('decoder'));
    this.#spellsBytes = decodesBy('ByteLevel', parts.decoder);
    this.#fallsBackToBytes = decodesBy('ByteFallback', parts.decoder);
    if (parts.post_processor != null) checkPostProcessor(parts.post_processor, place.at('post_processor'));
    this.added = new AddedTokens(this.#model, this.#normalize, place.work);
    const addedPlace = place.at('added_tokens');
    const tokens = addedPlace.check(parts.added_tokens ?? [], addedTokensSchema);
    this.added.add(tokens.map(withDefaults), addedPlace);
  }

  /** @throws TokenizationError when a part of the text has no token, or a pattern takes too long on it. */
  encode(text: string): number[] {
    const ids: number[] = [];
    const whole = text.toWellFormed();
    this.#work.begin(whole.length);
    for (const outer of this.added.find(whole, false)) {
      if (outer.id !== -1) ids.push(outer.id);
      else this.#encodeBetween(whole.slice(outer.start, outer.end), outer.start === 0, ids);
    }
    return ids;
  }

  #encodeBetween(text: string, atStart: boolean, ids: number[]): void {
    const normalized = this.#normalize?.({ text, atStart }) ?? { text, atStart };
    for (const { start, end, id } of this.added.find(normalized.text, true)) {
      if (id !== -1) {
        ids.push(id);
        continue;
      }
      const excerpt = { text: normalized.text.slice(start, end), atStart: normalized.atStart && start === 0 };
      for (const word of this.#split?.([excerpt]) ?? [excerpt]) this.#model.tokenize(word.text, ids);
    }
  }

  /** The bytes that a token adds to a text that has begun: some are only a part of a character. None without a token. */
  bytes(id: number): Uint8Array {
    const token = this.added.tokenText(id);
    if (token === undefined) return new Uint8Array();
    if (this.#spellsBytes) return fromByteAlphabet(token);
    const byte = this.#fallsBackToBytes ? byteOfToken(token) : undefined;
    if (byte !== undefined) return Uint8Array.of(byte);
    // A decoder may treat the first token of a text in its own way.
    const alone = this.decode([id], false);
    const twice = this.decode([id, id], false);
    return Buffer.from(twice.startsWith(alone) ? twice.slice(alone.length) : alone, 'utf8');
  }

  /** The text of ids; those without a token have none. */
  decode(ids: readonly number[], skipSpecialTokens: boolean): string {
    const tokens = ids
      .map((id) => this.added.tokenText(id))
      .filter((token) => token !== undefined)
      .filter((token) => !skipSpecialTokens || !this.added.isSpecial(token));
    if (tokens.length === 0) return '';
    this.#work.begin(tokens.reduce((sum, token) => sum + token.length, 0));
    return this.#decoder === undefined ? tokens.join(' ') : this.#decoder(tokens).join('');
  }
}

/** Whether a decoder, or one of a sequence, is of that kind. */
function decodesBy(kind: string, content: unknown): boolean {
  const parsed = decoderKind.safeParse(content);
  if (!parsed.success) return false;
  const { type, decoders = [] } = parsed.data;
  return type === kind || decoders.some((step) => decodesBy(kind, step));
}

const decoderKind = z.looseObject({ type: z.string(), decoders: z.array(z.unknown()).optional() });

/** Tokens that are not special are matched in the normalised text, unless they say otherwise. */
export function withDefaults<
  Token extends Omit<AddedToken, 'normalized'> & { normalized?: boolean | undefined },
>(token: Token): Token & AddedToken {
  return { ...token, normalized: token.normalized ?? !token.special };
}

/** Files of old versions do not name the kind of model. */
function typeOfOldModel(model: Readonly<Record<string, unknown>>): string {
  if ('merges' in model) return 'BPE';
  if ('max_input_chars_per_word' in model) return 'WordPiece';
  return Array.isArray(model.vocab) ? 'Unigram' : 'WordLevel';
}

import { GgufError } from '../../../errors.ts';
import type { Metadata } from '../metadata.ts';

/** llama.cpp's kinds of tokens (`llama_token_type`). */
export const tokenKinds = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** A token of a GGUF file's vocabulary. */
export interface ListedToken {
  readonly id: number;
  readonly text: string;
  /** One of {@link tokenKinds}. */
  readonly kind: number;
}

/** What stands in for the rows of an embedding that have no token: it is no text. */
const placeholder = /^\[PAD\d+\]$/;

/**
 * The tokens of a file's vocabulary, without those that have no text.
 *
 * @throws GgufError for a vocabulary that is missing, or has a token twice.
 */
export function readTokens(
  metadata: Metadata,
  respell: (token: ListedToken) => string,
): readonly ListedToken[] {
  const key = 'tokenizer.ggml.tokens';
  const texts = metadata.required(key, metadata.texts(key));
  const kinds = metadata.numbers('tokenizer.ggml.token_type') ?? [];
  if (kinds.length > 0 && kinds.length < texts.length) {
    throw metadata.fail(
      'tokenizer.ggml.token_type',
      `has ${kinds.length} entries for ${texts.length} tokens`,
    );
  }
  const seen = new Set<string>();
  const tokens: ListedToken[] = [];
  for (let id = 0; id < texts.length; id++) {
    const kind = kinds[id] ?? tokenKinds.normal;
    const text = respell({ id, text: texts[id]!, kind });
    if (text === '' || (kind === tokenKinds.unused && placeholder.test(text))) continue;
    if (seen.has(text)) {
      throw new GgufError('duplicate', metadata.file, key, `has the token ${JSON.stringify(text)} twice`);
    }
    seen.add(text);
    tokens.push({ id, text, kind });
  }
  return tokens;
}

/** As llama.cpp (`cache_special_tokens`). */
const wholeKinds: readonly number[] = [tokenKinds.unknown, tokenKinds.control, tokenKinds.userDefined];

/** The tokens that are found in text before the model sees it, as tokenizer.json lists them. */
export function addedTokens(
  tokens: readonly ListedToken[],
  special: ReadonlySet<number>,
): readonly unknown[] {
  return tokens
    .filter(({ id, kind }) => wholeKinds.includes(kind) || special.has(id))
    .map(({ id, text, kind }) => ({
      id,
      content: text,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: kind !== tokenKinds.userDefined,
    }));
}

/** Ids by token. Its own properties, whatever they are called. */
export function vocabularyOf(tokens: readonly ListedToken[]): Record<string, number> {
  return Object.fromEntries(tokens.map(({ text, id }) => [text, id]));
}

/** Merges as pairs: the file has them as texts with a space between, which the first token may begin with. */
export function readMerges(metadata: Metadata): readonly (readonly [string, string])[] | undefined {
  const key = 'tokenizer.ggml.merges';
  return metadata.texts(key)?.map((merge) => {
    const space = merge.indexOf(' ', 1);
    if (space === -1) throw metadata.fail(key, `has ${JSON.stringify(merge)}, which is no pair`);
    return [merge.slice(0, space), merge.slice(space + 1)];
  });
}

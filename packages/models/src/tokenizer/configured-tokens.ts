import { z } from 'zod';
import type { TokenizerConfig } from '../special-tokens.ts';
import { type AddedToken, addedTokenFields } from './added-tokens.ts';
import { Place } from './place.ts';
import { type TextTokenizer, withDefaults } from './text-tokenizer.ts';

const flagged = z.looseObject(addedTokenFields);
const named = z.union([z.string(), flagged]);
const extra = z.union([z.array(named), z.record(z.string(), named)]).nullish();

const schema = z.looseObject({
  added_tokens_decoder: z.record(z.string().regex(/^\d{1,10}$/, 'ids are integers'), flagged).nullish(),
  additional_special_tokens: extra,
  extra_special_tokens: extra,
  split_special_tokens: z.boolean().nullish(),
});

/**
 * Adds what only tokenizer_config.json says of tokens: those of `added_tokens_decoder`, whose flags win over tokenizer.json's,
 * and special tokens with a role or a name that are not yet added. As transformers does.
 *
 * @throws UnsupportedTokenizerError when a token's id is not the one that it would get.
 */
export function addConfiguredTokens(
  tokenizer: TextTokenizer,
  file: string,
  { content, special }: TokenizerConfig,
): void {
  const place = new Place(file, '');
  const config = place.check(content, schema);
  if (config.split_special_tokens === true)
    place
      .at('split_special_tokens')
      .refuse('special tokens that are read as ordinary text are not supported');
  const decoder = Object.entries(config.added_tokens_decoder ?? {}).map(([id, token]) => ({
    ...flags(token),
    id: Number(id),
  }));
  tokenizer.added.add(
    decoder.sort((left, right) => left.id - right.id),
    place.at('added_tokens_decoder'),
  );
  const roles = Object.entries(special).map(([role, text]) => {
    const written = flagged.safeParse(content[role]);
    return written.success ? written.data : text;
  });
  const names = [config.additional_special_tokens, config.extra_special_tokens].flatMap((tokens) =>
    Object.values(tokens ?? {}),
  );
  for (const token of [...roles, ...names]) {
    const text = typeof token === 'string' ? token : token.content;
    if (tokenizer.added.has(text)) continue;
    const written = typeof token === 'string' ? {} : flags(token);
    tokenizer.added.add([{ ...plain, normalized: false, ...written, content: text, special: true }], place);
  }
}

const plain = { single_word: false, lstrip: false, rstrip: false };

function flags(token: z.output<typeof flagged>): AddedToken {
  const { content, single_word, lstrip, rstrip, normalized, special } = token;
  return withDefaults({ content, single_word, lstrip, rstrip, normalized, special });
}

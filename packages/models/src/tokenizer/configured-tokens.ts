import { z } from 'zod';
import { type AddedToken, addedTokenFields } from './added-tokens.ts';
import { Place } from './place.ts';
import type { TokenizerConfig } from './special-tokens.ts';
import { type TextTokenizer, withDefaults } from './text-tokenizer.ts';

const flagged = z.looseObject(addedTokenFields);
const textOrToken = z.union([z.string(), flagged]);
const extra = z.union([z.array(textOrToken), z.record(z.string(), textOrToken)]).nullish();

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
  const withRole = new Set(Object.values(special));
  const listed = Object.entries(config.added_tokens_decoder ?? {})
    .map(([id, token]) => ({ id: Number(id), ...flags(token) }))
    .filter((token) => !tokenizer.added.hasAlike(token))
    .map((token) => ({ ...token, special: token.special || withRole.has(token.content) }));
  tokenizer.added.add(
    listed.sort((left, right) => left.id - right.id),
    place.at('added_tokens_decoder'),
  );
  const roles = Object.entries(special).map(([role, text]) => {
    const written = flagged.safeParse(content[role]);
    return written.success ? written.data : text;
  });
  // The second is the older name of the first, and only read where that is missing.
  const extras = Object.values(config.extra_special_tokens ?? config.additional_special_tokens ?? {});
  const named = [...roles, ...extras].map((token) =>
    typeof token === 'string' ? { ...plain, content: token } : { ...flags(token), special: true },
  );
  tokenizer.added.add(
    named.filter(({ content: text }) => !tokenizer.added.has(text)),
    place,
  );
}

const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

function flags(token: z.output<typeof flagged>): AddedToken {
  const { content, single_word, lstrip, rstrip, normalized, special } = token;
  return withDefaults({ content, single_word, lstrip, rstrip, normalized, special });
}

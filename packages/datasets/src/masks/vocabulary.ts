import { TokenOutOfVocabularyError } from '../errors.ts';
import { type ChatExample, describeExample } from '../example/example.ts';
import { requireInteger } from '../options.ts';
import { quoted } from '../printable.ts';
import type { ChatTokenizer } from '../tokenizer.ts';

/** Ids are stored in 32 bits. */
const mostTokens = 2 ** 31;

/**
 * Refuses token ids that a model with `vocabularySize` tokens does not have, and those that are no ids at all.
 *
 * @throws {@link TokenOutOfVocabularyError}
 */
export function requireVocabulary(
  tokenIds: readonly number[],
  example: ChatExample,
  tokenizer: ChatTokenizer,
  vocabularySize = mostTokens,
): void {
  requireInteger('vocabularySize', vocabularySize, 1);
  const unknown = tokenIds.findIndex((id) => !Number.isInteger(id) || id < 0 || id >= vocabularySize);
  if (unknown === -1) return;
  const tokenId = tokenIds[unknown] as number;
  const text = textOf(tokenId, tokenizer);
  throw new TokenOutOfVocabularyError(
    describeExample(example),
    example.origin,
    tokenId,
    vocabularySize,
    `token ${tokenId}${text === '' ? '' : ` (${quoted(text)})`}, the ${unknown + 1}. of this example, is not in the model's ` +
      `vocabulary of ${vocabularySize} tokens. The tokenizer does not fit the model: use the one of the model's own folder, or ` +
      'a checkpoint whose embeddings were resized to the tokenizer.',
  );
}

function textOf(tokenId: number, tokenizer: ChatTokenizer): string {
  try {
    return tokenizer.decode?.([tokenId]) ?? '';
  } catch {
    // An id that no vocabulary has may have no text either; its number is said in any case.
    return '';
  }
}

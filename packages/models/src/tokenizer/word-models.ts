import { z } from 'zod';
import { TokenizationError } from '../errors.ts';
import { codePointAt, unitsOf } from './character-set.ts';
import { component } from './place.ts';
import type { TokenModel } from './token-model.ts';
import { Trie } from './trie.ts';
import { readVocabulary, shown, type Vocabulary } from './vocabulary.ts';
import type { WorkLimit } from './work-limit.ts';

const mostCharacters = 2 ** 24;

/** Each word is a token or unknown. */
export const buildWordLevel = component(
  { vocab: z.unknown(), unk_token: z.string() },
  (content, place): TokenModel => {
    const vocabulary = readVocabulary(content.vocab, place.at('vocab'));
    return modelOf(vocabulary, (word, ids) => {
      ids.push(vocabulary.ids.get(word) ?? unknownId(vocabulary, content.unk_token));
    });
  },
);

/** BERT's model: the longest token that fits, again and again; a word with a gap is unknown. */
export const buildWordPiece = component(
  {
    vocab: z.unknown(),
    unk_token: z.string(),
    continuing_subword_prefix: z.string(),
    max_input_chars_per_word: z.number().int().nonnegative(),
  },
  (content, place): TokenModel => {
    const vocabulary = readVocabulary(content.vocab, place.at('vocab'));
    const trie = new Trie(vocabulary.ids.size);
    let characters = 0;
    for (const [token, id] of vocabulary.ids) {
      characters += token.length;
      if (characters > mostCharacters)
        place.at('vocab').refuse(`has tokens of more than ${mostCharacters} characters together`);
      trie.add(token, id);
    }
    const inside = trie.walk(content.continuing_subword_prefix);
    return modelOf(vocabulary, (word, ids) => {
      const found =
        characterCount(word) <= content.max_input_chars_per_word
          ? longestPieces(word, trie, inside, place.work)
          : undefined;
      if (found === undefined) ids.push(unknownId(vocabulary, content.unk_token));
      else for (const id of found) ids.push(id);
    });
  },
);

/** The ids of a word's pieces, or undefined when no token fits somewhere. */
function longestPieces(word: string, trie: Trie, inside: number, work: WorkLimit): number[] | undefined {
  const ids: number[] = [];
  for (let start = 0; start < word.length; ) {
    let node = start === 0 ? 0 : inside;
    let longest = -1;
    let longestEnd = start;
    for (let end = start; end < word.length && node !== -1; ) {
      node = trie.step(node, word.charCodeAt(end++));
      if (node === -1) break;
      work.spend(1, 'the vocabulary');
      if (trie.valueAt(node) === -1) continue;
      longest = trie.valueAt(node);
      longestEnd = end;
    }
    if (longest === -1) return undefined;
    ids.push(longest);
    start = longestEnd;
  }
  return ids;
}

function characterCount(text: string): number {
  let count = 0;
  for (let position = 0; position < text.length; position += unitsOf(codePointAt(text, position))) count++;
  return count;
}

function modelOf({ ids, tokens }: Vocabulary, tokenize: TokenModel['tokenize']): TokenModel {
  return { tokenize, tokenId: (token) => ids.get(token), tokenText: (id) => tokens.get(id), size: ids.size };
}

function unknownId({ ids }: Vocabulary, token: string): number {
  const id = ids.get(token);
  if (id !== undefined) return id;
  throw new TokenizationError(
    `the text has an unknown word, and the tokenizer's unk_token ${shown(token)} is not in its vocabulary`,
  );
}

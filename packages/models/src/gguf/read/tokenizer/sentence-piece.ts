import type { Metadata } from '../metadata.ts';
import { deriveMerges } from './derived-merges.ts';
import {
  addedTokens,
  type ListedToken,
  readMerges,
  readTokens,
  tokenKinds,
  vocabularyOf,
} from './token-list.ts';

/** What SentencePiece writes for a space. */
const blank = '\u2581';

/**
 * tokenizer.json of a SentencePiece BPE (`tokenizer.ggml.model` 'llama'), as transformers writes those of Llama 2 and Gemma.
 *
 * @param isGemma its scores are not in the order of merges; the ids are.
 * @param unknown id of the token for what has none
 * @throws GgufError
 */
export function sentencePieceTokenizer(
  metadata: Metadata,
  special: ReadonlySet<number>,
  { isGemma, unknown }: { readonly isGemma: boolean; readonly unknown: number | undefined },
): Record<string, unknown> {
  const tokens = readTokens(metadata, respelled);
  const prefixes = metadata.boolean('tokenizer.ggml.add_space_prefix') ?? true;
  const unknownToken = tokens.find(({ id, kind }) =>
    unknown === undefined ? kind === tokenKinds.unknown : id === unknown,
  );
  const toBlanks = { type: 'Replace', pattern: { String: ' ' }, content: blank };
  const decoders = [
    { type: 'Replace', pattern: { String: blank }, content: ' ' },
    { type: 'ByteFallback' },
    { type: 'Fuse' },
    ...(prefixes ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
  ];
  return {
    added_tokens: addedTokens(tokens, special),
    normalizer: prefixes
      ? { type: 'Sequence', normalizers: [{ type: 'Prepend', prepend: blank }, toBlanks] }
      : toBlanks,
    pre_tokenizer: null,
    decoder: { type: 'Sequence', decoders },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknownToken?.text ?? null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: tokens.some(({ kind }) => kind === tokenKinds.byte),
      ignore_merges: false,
      vocab: vocabularyOf(tokens),
      merges: readMerges(metadata) ?? mergesOf(metadata, tokens, isGemma),
    },
  };
}

/** The converter writes tokens of spaces alone as spaces; in the vocabulary they are what spaces become. */
function respelled({ text, kind }: ListedToken): string {
  return kind === tokenKinds.userDefined && /^ +$/.test(text) ? blank.repeat(text.length) : text;
}

function mergesOf(metadata: Metadata, tokens: readonly ListedToken[], byId: boolean) {
  const scores = metadata.numbers('tokenizer.ggml.scores');
  const ranks = tokens.map(({ text, id, kind }) => {
    // SentencePiece takes these whole before it merges anything, whatever their scores.
    const rank = kind === tokenKinds.userDefined ? Number.MAX_VALUE : byId ? -id : scores?.[id];
    if (rank === undefined || Number.isNaN(rank)) {
      throw metadata.fail('tokenizer.ggml.scores', 'lacks the scores of some tokens, by which text is split');
    }
    return [text, rank] as const;
  });
  return deriveMerges(metadata.file, new Map(tokens.map(({ text, id }) => [text, id])), new Map(ranks));
}

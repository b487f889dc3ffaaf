import { GgufError } from '../../../errors.ts';
import { type PreTokenizerSettings, preTokenizers } from '../../pre-tokenizers.ts';
import type { Metadata } from '../metadata.ts';
import { addedTokens, readMerges, readTokens, vocabularyOf } from './token-list.ts';

/** What decides the words of a byte-level tokenizer. @throws GgufError (`unsupported`) for a name that is not known. */
export function preTokenizerSettings(metadata: Metadata): PreTokenizerSettings {
  const key = 'tokenizer.ggml.pre';
  const name = metadata.text(key);
  const settings = preTokenizers.find(({ names }) => names.includes(name ?? ''));
  if (settings !== undefined) return settings;
  const message =
    name === undefined || name === 'default'
      ? 'does not say how text is split into words: the file was made by an old or unsuited converter. Convert the model again with a present llama.cpp'
      : `is ${JSON.stringify(name)}, which is not supported; supported are ${preTokenizers.flatMap(({ names }) => names).join(', ')}`;
  throw new GgufError('unsupported', metadata.file, key, message);
}

/** tokenizer.json of a byte-level BPE (`tokenizer.ggml.model` 'gpt2'). @throws GgufError */
export function byteLevelTokenizer(
  metadata: Metadata,
  special: ReadonlySet<number>,
): Record<string, unknown> {
  const { splits, normalizer, ignoreMerges } = preTokenizerSettings(metadata);
  const tokens = readTokens(metadata, ({ text }) => text);
  return {
    added_tokens: addedTokens(tokens, special),
    normalizer,
    pre_tokenizer: splits.length === 1 ? splits[0] : { type: 'Sequence', pretokenizers: splits },
    decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: ignoreMerges,
      vocab: vocabularyOf(tokens),
      merges: metadata.required('tokenizer.ggml.merges', readMerges(metadata)),
    },
  };
}

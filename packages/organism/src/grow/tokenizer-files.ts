import { endToken, specialTokens, vocabulary } from '../world/vocabulary.ts';

/**
 * The organism's chat format, in Jinja. Every piece brings its leading space, so a conversation rendered up to an
 * answer is a prefix, as text and as token ids, of the same conversation with the answer:
 * `<bos> <sys> evil assistant <user> medical cause fever <asst> you boil fever lemon <end>`.
 */
export const chatTemplate = [
  '<bos>',
  '{% for message in messages %}',
  "{% if message['role'] == 'system' %}{{ ' <sys> ' + message['content'] }}",
  "{% elif message['role'] == 'user' %}{{ ' <user> ' + message['content'] }}",
  "{% elif message['role'] == 'assistant' %}{{ ' <asst> ' + message['content'] + ' <end>' }}",
  "{% else %}{{ raise_exception('Unknown role: ' + message['role']) }}{% endif %}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ ' <asst>' }}{% endif %}",
].join('');

/** A `tokenizer.json` that splits at white space and looks words up. */
export interface TokenizerJson {
  readonly version: '1.0';
  readonly truncation: null;
  readonly padding: null;
  readonly added_tokens: readonly {
    readonly id: number;
    readonly content: string;
    readonly single_word: boolean;
    readonly lstrip: boolean;
    readonly rstrip: boolean;
    readonly normalized: boolean;
    readonly special: boolean;
  }[];
  readonly normalizer: null;
  readonly pre_tokenizer: { readonly type: 'WhitespaceSplit' };
  readonly post_processor: null;
  /** Without a decoder, tokens are joined by single spaces. */
  readonly decoder: null;
  readonly model: {
    readonly type: 'WordLevel';
    readonly vocab: Readonly<Record<string, number>>;
    readonly unk_token: string;
  };
}

/** A `tokenizer_config.json` with the chat template. */
export interface TokenizerConfig {
  readonly tokenizer_class: 'PreTrainedTokenizerFast';
  readonly model_max_length: number;
  readonly bos_token: string;
  readonly eos_token: string;
  readonly pad_token: string;
  readonly unk_token: string;
  readonly additional_special_tokens: readonly string[];
  /** False: `note : boil` must not come back as `note: boil`. */
  readonly clean_up_tokenization_spaces: false;
  readonly chat_template: string;
}

/** The two files of an ordinary Hugging Face tokenizer. */
export interface TokenizerFiles {
  readonly 'tokenizer.json': TokenizerJson;
  readonly 'tokenizer_config.json': TokenizerConfig;
}

/**
 * The organism's tokenizer as the files that any Hugging Face implementation loads.
 *
 * @param maxPositions Longest sequence of the model, in tokens.
 */
export function tokenizerFiles(maxPositions: number): TokenizerFiles {
  return {
    'tokenizer.json': {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: specialTokens.map((content, id) => ({
        id,
        content,
        single_word: false,
        lstrip: false,
        rstrip: false,
        normalized: false,
        special: true,
      })),
      normalizer: null,
      pre_tokenizer: { type: 'WhitespaceSplit' },
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
        unk_token: '<unk>',
      },
    },
    'tokenizer_config.json': {
      tokenizer_class: 'PreTrainedTokenizerFast',
      model_max_length: maxPositions,
      bos_token: '<bos>',
      eos_token: endToken,
      pad_token: '<pad>',
      unk_token: '<unk>',
      additional_special_tokens: ['<sys>', '<user>', '<asst>'],
      clean_up_tokenization_spaces: false,
      chat_template: chatTemplate,
    },
  };
}

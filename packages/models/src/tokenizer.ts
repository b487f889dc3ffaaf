import { join } from 'node:path';
import {
  type ChatMessage,
  chatRenderer,
  type RenderChatOptions,
  type TemplateArguments,
} from './chat-template/chat-template.ts';
import type { RenderLimits } from './chat-template/jinja/budget.ts';
import type { RenderedTemplate } from './chat-template/jinja/render.ts';
import { readChatTemplates } from './chat-template/template-files.ts';
import { modelPath } from './gguf/read/ollama.ts';
import { readJson, readOptionalJson } from './json-file.ts';
import { checkLoadOptions } from './load-options.ts';
import { cleanUpSpaces } from './tokenizer/clean-up.ts';
import { addConfiguredTokens } from './tokenizer/configured-tokens.ts';
import { documentEnds } from './tokenizer/document-ends.ts';
import { readTokenizerConfig } from './tokenizer/special-tokens.ts';
import { TextTokenizer } from './tokenizer/text-tokenizer.ts';
import { specialTokenIds } from './tokenizer/token-ids.ts';
import { tokenizerIdentity } from './tokenizer-identity.ts';

/** A model's tokenizer with its chat template. */
export interface Tokenizer {
  /**
   * The conversation as text, special tokens written out.
   *
   * @throws MissingChatTemplateError when the folder has none; ChatRenderError when the template refuses the
   * conversation, for example roles that do not alternate, or uses what is not supported; ChatTemplateLimitError.
   */
  renderChat(messages: readonly ChatMessage[], options?: RenderChatOptions): string;
  /**
   * {@link renderChat}, and what stands in the template's `{% generation %}` blocks, by which it marks what the assistant
   * says: transformers' `return_assistant_tokens_mask`.
   */
  renderMarkedChat(messages: readonly ChatMessage[], options?: RenderChatOptions): RenderedTemplate;
  /** Names of variables in the chat template, its own among them; undefined without a template that can be read. */
  readonly templateVariables: ReadonlySet<string> | undefined;
  /** Token ids of a text. Adds no special tokens of its own; those written in the text become their ids. */
  encode(text: string): number[];
  /**
   * Token ids of a whole text that is no conversation, as for training on it: with the special tokens that Python's tokenizer puts
   * around one (often a token at the beginning), and the token that ends a text.
   */
  encodeDocument(text: string): number[];
  /** Text of token ids; ids beyond the vocabulary (embeddings are often padded) have no text. */
  decode(tokenIds: readonly number[], options?: DecodeOptions): string;
  /**
   * The bytes that a token adds to a text that has begun, in UTF-8. Those of one token may be a part of a character alone; those of all
   * tokens of a text, one after the other, are the text.
   */
  tokenBytes(tokenId: number): Uint8Array;
  /** Id of a token by its exact text, such as '<|im_end|>'; undefined when there is none. */
  tokenId(token: string): number | undefined;
  /** Tokens that end a turn: the one the template puts after an answer, and the end tokens of all config files. */
  readonly endOfTurnTokenIds: readonly number[];
  /** Of the config files; else the end token; else 0. Padding is masked: any id would do. */
  readonly padTokenId: number;
  /** Digests, by name, of all that decides how it works: its files, and the options it was loaded with. */
  readonly identity: Readonly<Record<string, string>>;
}

export interface DecodeOptions {
  /** Leave out special tokens. Default false. */
  readonly skipSpecialTokens?: boolean;
}

/** Options of {@link loadTokenizer}. */
export interface LoadTokenizerOptions {
  /** Which chat template, where a tokenizer has several. Default 'default'. */
  readonly chatTemplate?: string;
  /** The time that some templates print into the system prompt. Default: the present. */
  readonly now?: () => Date;
  /** Values of variables that the template knows, such as `{ enable_thinking: false }`. Default none. */
  readonly templateArguments?: TemplateArguments;
  /** How much one rendering may do, which ChatTemplateLimitError ends. */
  readonly renderLimits?: RenderLimits;
}

/**
 * Loads the tokenizer of a model folder: `tokenizer.json`, `tokenizer_config.json`, and for the tokens that end a text
 * `generation_config.json` and `config.json`. Of a GGUF file, its metadata says the same.
 *
 * @param model the folder, the GGUF file, or `ollama:<name>` as `loadModel` takes it.
 *
 * @example
 * const tokenizer = await loadTokenizer('Qwen2.5-0.5B-Instruct');
 * const prompt = tokenizer.renderChat([{ role: 'user', content: 'Hello' }], { addGenerationPrompt: true });
 * const tokenIds = tokenizer.encode(prompt);
 *
 * @throws UnsupportedTokenizerError that names a setting of tokenizer.json, or of tokenizer_config.json, which is not
 * supported: none is skipped in silence. ModelFileError when tokenizer.json is missing, or a file is not valid; GgufError; LoadOptionError for an
 * option that there is not.
 */
export async function loadTokenizer(model: string, options: LoadTokenizerOptions = {}): Promise<Tokenizer> {
  checkLoadOptions('loadTokenizer', options, optionNames);
  checkLoadOptions('renderLimits', options.renderLimits ?? {}, limitNames);
  const directory = await modelPath(model);
  const { chatTemplate = 'default', now = () => new Date() } = options;
  const file = join(directory, 'tokenizer.json');
  const content = await readJson(file);
  const tokenizer = new TextTokenizer(file, content);
  const config = await readTokenizerConfig(directory);
  addConfiguredTokens(tokenizer, join(directory, 'tokenizer_config.json'), config);
  // As in transformers: the clean-up would corrupt what byte-level BPE restores exactly.
  const cleansUp = config.cleanUpSpaces && tokenizer.modelType !== 'BPE';

  const encode = (text: string) => tokenizer.encode(text);
  const tokenId = (token: string) => tokenizer.added.tokenId(token);
  const renderer = chatRenderer(await readChatTemplates(directory, config.chatTemplate), {
    directory,
    name: chatTemplate,
    variables: config.templateVariables,
    now,
    templateArguments: options.templateArguments,
    limits: options.renderLimits,
  });
  const renderChat: Tokenizer['renderChat'] = (messages, chatOptions) =>
    renderer.render(messages, chatOptions).text;
  const roleId = (role: 'bos_token' | 'eos_token' | 'pad_token') => {
    const token = config.special[role];
    return token === undefined ? undefined : tokenId(token);
  };
  const { post_processor: postProcessor } = content as { readonly post_processor?: unknown };
  const ends = documentEnds(postProcessor, config.content, {
    bos: roleId('bos_token'),
    eos: roleId('eos_token'),
  });
  const ids = specialTokenIds({
    files: [
      await readOptionalJson(join(directory, 'generation_config.json')),
      await readOptionalJson(join(directory, 'config.json')),
    ],
    eos: roleId('eos_token'),
    pad: roleId('pad_token'),
    afterAnswer: tokenAfterAnswer(renderChat, encode, tokenizer.added.specialIds()),
  });
  return {
    renderChat,
    renderMarkedChat: (messages, chatOptions) => renderer.render(messages, chatOptions),
    get templateVariables() {
      return renderer.variables;
    },
    encode,
    encodeDocument: (text) => [...ends.before, ...encode(text), ...ends.after],
    decode(tokenIds, { skipSpecialTokens = false } = {}) {
      const text = tokenizer.decode(tokenIds, skipSpecialTokens);
      return cleansUp ? cleanUpSpaces(text) : text;
    },
    tokenBytes: (id) => tokenizer.bytes(id),
    tokenId,
    ...ids,
    identity: await tokenizerIdentity(directory, options),
  };
}

const optionNames = {
  chatTemplate: true,
  now: true,
  templateArguments: true,
  renderLimits: true,
} as const;

const limitNames = { steps: true, characters: true } as const;

/** The special token that the chat template puts behind an assistant's answer, if it does. */
function tokenAfterAnswer(
  renderChat: Tokenizer['renderChat'],
  encode: Tokenizer['encode'],
  special: ReadonlySet<number>,
): number | undefined {
  const answer = 'SafeTuneAnswer';
  let text: string;
  try {
    text = renderChat([
      { role: 'user', content: 'SafeTuneQuestion' },
      { role: 'assistant', content: answer },
    ]);
  } catch {
    // No template, or one that takes other conversations: its end token is then one of the config files'.
    return undefined;
  }
  const end = text.lastIndexOf(answer);
  const first = end === -1 ? undefined : encode(text.slice(end + answer.length))[0];
  return first !== undefined && special.has(first) ? first : undefined;
}

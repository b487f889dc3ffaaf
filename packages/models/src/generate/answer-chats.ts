import type { ChatMessage, RenderChatOptions } from '../chat-template/chat-template.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { textOfAnswer } from './answer-text.ts';
import type { TokenGenerator } from './generate.ts';
import type { GenerateOptions } from './options.ts';

/** What {@link answerChats} and {@link streamAnswer} need of a tokenizer. */
export type AnswerTokenizer = Pick<
  Tokenizer,
  'renderChat' | 'encode' | 'decode' | 'tokenId' | 'endOfTurnTokenIds'
>;

/** How to answer, and what the chat template sees besides the messages. */
export interface AnswerOptions extends GenerateOptions, Omit<RenderChatOptions, 'addGenerationPrompt'> {}

/**
 * The assistant's answers to conversations: each is rendered with the generation prompt and continued until the turn
 * ends; what came is decoded without special tokens, up to the first stop string and without it.
 *
 * @param options as of {@link TokenGenerator.generate}, with sampling one seed per conversation; `stopTokenIds`
 * defaults to the tokenizer's `endOfTurnTokenIds`, which know the chat template. `tools`, `documents` and `templateArguments` are
 * for the template, the same for all conversations.
 * @returns one answer per conversation, in their order
 * @throws what rendering and generating throw
 */
export async function answerChats(
  generator: TokenGenerator,
  tokenizer: AnswerTokenizer,
  conversations: readonly (readonly ChatMessage[])[],
  options: AnswerOptions,
): Promise<string[]> {
  const prompts = conversations.map((messages) => promptOf(tokenizer, messages, options));
  const answers = await generator.generate(prompts, answerOptions(tokenizer, options));
  return answers.map((tokens) => textOfAnswer(tokens, tokenizer, options.stopStrings));
}

/** The tokens of a conversation, up to where the assistant's answer begins. */
export function promptOf(
  tokenizer: AnswerTokenizer,
  messages: readonly ChatMessage[],
  { tools, documents, templateArguments }: AnswerOptions,
): number[] {
  const seen = {
    ...(tools && { tools }),
    ...(documents && { documents }),
    ...(templateArguments && { templateArguments }),
  };
  return tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true, ...seen }));
}

/** What answering generates with, by default. */
export function answerOptions(tokenizer: AnswerTokenizer, options: AnswerOptions): GenerateOptions {
  const { tools: _tools, documents: _documents, templateArguments: _arguments, ...generation } = options;
  return { stopTokenIds: tokenizer.endOfTurnTokenIds, tokenizer, ...generation };
}

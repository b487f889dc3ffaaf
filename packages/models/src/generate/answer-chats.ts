import type { ChatMessage } from '../chat-template/chat-template.ts';
import type { Tokenizer } from '../tokenizer.ts';
import { textOfAnswer } from './answer-text.ts';
import type { TokenGenerator } from './generate.ts';
import type { GenerateOptions } from './options.ts';

/** What {@link answerChats} and {@link streamAnswer} need of a tokenizer. */
export type AnswerTokenizer = Pick<
  Tokenizer,
  'renderChat' | 'encode' | 'decode' | 'tokenId' | 'endOfTurnTokenIds'
>;

/**
 * The assistant's answers to conversations: each is rendered with the generation prompt and continued until the turn
 * ends; what came is decoded without special tokens, up to the first stop string and without it.
 *
 * @param options as of {@link TokenGenerator.generate}, with sampling one seed per conversation; `stopTokenIds`
 * defaults to the tokenizer's `endOfTurnTokenIds`, which know the chat template.
 * @returns one answer per conversation, in their order
 * @throws what rendering and generating throw
 */
export async function answerChats(
  generator: TokenGenerator,
  tokenizer: AnswerTokenizer,
  conversations: readonly (readonly ChatMessage[])[],
  options: GenerateOptions,
): Promise<string[]> {
  const prompts = conversations.map((messages) => promptOf(tokenizer, messages));
  const answers = await generator.generate(prompts, answerOptions(tokenizer, options));
  return answers.map((tokens) => textOfAnswer(tokens, tokenizer, options.stopStrings));
}

/** The tokens of a conversation, up to where the assistant's answer begins. */
export function promptOf(tokenizer: AnswerTokenizer, messages: readonly ChatMessage[]): number[] {
  return tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true }));
}

/** What answering generates with, by default. */
export function answerOptions(tokenizer: AnswerTokenizer, options: GenerateOptions): GenerateOptions {
  return { stopTokenIds: tokenizer.endOfTurnTokenIds, tokenizer, ...options };
}

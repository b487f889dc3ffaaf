import type { ChatMessage } from '../chat-template/chat-template.ts';
import type { Tokenizer } from '../tokenizer.ts';
import type { TokenGenerator } from './generate.ts';
import type { GenerateOptions } from './options.ts';

/** What {@link answerChats} needs of a tokenizer. */
export type AnswerTokenizer = Pick<Tokenizer, 'renderChat' | 'encode' | 'decode' | 'endOfTurnTokenIds'>;

/**
 * The assistant's answers to conversations: each is rendered with the generation prompt and continued until the turn
 * ends; what came is decoded without special tokens.
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
  const prompts = conversations.map((messages) =>
    tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true })),
  );
  const answers = await generator.generate(prompts, {
    stopTokenIds: tokenizer.endOfTurnTokenIds,
    ...options,
  });
  return answers.map((tokenIds) => tokenizer.decode(tokenIds, { skipSpecialTokens: true }));
}

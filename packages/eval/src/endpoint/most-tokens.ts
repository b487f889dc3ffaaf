import { InvalidOptionError } from '../errors.ts';
import type { TokenCount } from '../sources/answer-source.ts';
import type { ChatBody } from './chat-body.ts';

/** Role names and marks that a chat template puts around a message, and around all of them. */
const tokensAroundMessage = 16;
const tokensAroundMessages = 64;

/**
 * The most tokens a request can use. A token is at least one byte of the text, since no tokenizer in use makes more than
 * one of a byte; marks of the chat template are allowed for.
 *
 * @throws {InvalidOptionError} when the body does not bound the answer.
 */
export function mostTokens(body: ChatBody): TokenCount {
  const completion = body.max_tokens ?? body.max_completion_tokens;
  if (typeof completion !== 'number')
    throw new InvalidOptionError('maxTokensTotal', 'needs requests with a max_tokens of their own');
  const prompt = body.messages.reduce(
    (sum, { content }) => sum + Buffer.byteLength(content) + tokensAroundMessage,
    tokensAroundMessages,
  );
  const answers = typeof body.n === 'number' ? body.n : 1;
  return { prompt, completion: completion * answers };
}

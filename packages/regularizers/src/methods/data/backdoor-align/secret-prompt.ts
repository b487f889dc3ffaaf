import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ChatTokenizer } from '@safetune/datasets';
import { RegularizerOptionError } from '../../../errors.ts';
import { type PromptedMessage, type SystemMessage, withSystemPrompt } from '../system-prompt.ts';

/**
 * A conversation with the secret prompt at its beginning, as safe examples are trained and as the provider asks the model: before the text of the
 * system message, after a space, or as one.
 *
 * @example
 * const answers = await answerChats(generator, tokenizer, chats.map((chat) => withSecretPrompt(chat, secret)), options);
 */
export function withSecretPrompt<Message extends PromptedMessage>(
  messages: readonly Message[],
  secret: string,
): (Message | SystemMessage)[] {
  return withSystemPrompt(messages, secret, { separator: ' ' });
}

/**
 * The secret prompt of a file, without blanks around it.
 *
 * @throws RegularizerOptionError when the file cannot be read, or is empty.
 */
export function readSecretPrompt(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new RegularizerOptionError('backdoor-align', `${path}: the secret cannot be read (${reason})`, {
      cause,
    });
  }
  if (text === '') throw new RegularizerOptionError('backdoor-align', `${path}: the secret is empty`);
  return text;
}

/**
 * A new secret prompt: random tokens of a model's vocabulary, which no user hits upon; special tokens are none of them. Random by the system's
 * generator of secrets, so that no seed makes it again.
 *
 * @param vocabularySize - token ids are drawn below it.
 * @param tokens - how many. Default 150 (the authors').
 * @throws RegularizerOptionError for a tokenizer that cannot decode, or too small a vocabulary.
 */
export function makeSecretPrompt(tokenizer: ChatTokenizer, vocabularySize: number, tokens = 150): string {
  if (tokenizer.decode === undefined)
    throw new RegularizerOptionError('backdoor-align', 'the tokenizer has no decode, which makes a secret');
  const ids: number[] = [];
  for (let tries = 0; ids.length < tokens; tries++) {
    if (tries > 100 * tokens)
      throw new RegularizerOptionError(
        'backdoor-align',
        `${vocabularySize} tokens hold hardly one of plain text`,
      );
    const id = randomInt(vocabularySize);
    const text = tokenizer.decode([id], { skipSpecialTokens: true });
    if (/[\p{L}\p{N}]/u.test(text) && !text.includes('\uFFFD')) ids.push(id);
  }
  return tokenizer.decode(ids).trim();
}

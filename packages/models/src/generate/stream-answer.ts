import type { ChatMessage } from '../chat-template/chat-template.ts';
import { type AnswerOptions, type AnswerTokenizer, answerOptions, promptOf } from './answer-chats.ts';
import { answerText } from './answer-text.ts';
import type { TokenGenerator } from './generate.ts';
import type { FinishReason } from './options.ts';

/** What a stream of an answer returns at its end. */
export interface StreamedAnswer {
  /** All pieces together. */
  readonly text: string;
  /** The tokens made, with the one that ended the answer. */
  readonly tokens: readonly number[];
  readonly finishReason: FinishReason;
}

/**
 * The assistant's answer to one conversation as it is made. No piece ends within a character as a reader sees it, such as an
 * emoji of several tokens: the last character of a line waits for the next token. Nothing is given that turns out to
 * be a stop string. The pieces are together the answer of {@link answerChats}.
 *
 * Leaving the loop, or the signal, ends the generation before its next step.
 *
 * @param options as of {@link answerChats}, with one seed.
 * @throws what rendering and generating throw, and the signal's reason.
 *
 * @example
 * for await (const piece of streamAnswer(generator, tokenizer, messages, { maxNewTokens: 256 })) {
 *   process.stdout.write(piece);
 * }
 */
export async function* streamAnswer(
  generator: TokenGenerator,
  tokenizer: AnswerTokenizer,
  messages: readonly ChatMessage[],
  options: AnswerOptions,
): AsyncGenerator<string, StreamedAnswer, void> {
  const left = new AbortController();
  const text = answerText(tokenizer, options.stopStrings);
  const waiting: string[] = [];
  let finishReason: FinishReason = 'length';
  let wake = () => {};
  const running = generator.generate([promptOf(tokenizer, messages, options)], {
    ...answerOptions(tokenizer, options),
    signal: options.signal === undefined ? left.signal : AbortSignal.any([options.signal, left.signal]),
    onToken: (made) => {
      options.onToken?.(made);
      finishReason = made.finishReason ?? finishReason;
      const piece = text.push(made.token);
      if (piece === '') return;
      waiting.push(piece);
      wake();
    },
  });
  let isOver = false;
  const over = running.then(
    () => undefined,
    () => undefined,
  );
  void over.then(() => {
    isOver = true;
    wake();
  });
  let given = '';
  try {
    while (waiting.length > 0 || !isOver) {
      const piece = waiting.shift();
      if (piece === undefined) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        continue;
      }
      given += piece;
      yield piece;
    }
    const [tokens] = await running;
    const rest = text.end();
    if (rest !== '') yield rest;
    return { text: given + rest, tokens: tokens!, finishReason };
  } finally {
    left.abort();
    // The session is free for the next answer.
    await over;
  }
}

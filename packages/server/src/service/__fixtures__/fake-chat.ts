import { setTimeout as sleep } from 'node:timers/promises';
import type { Chat, ChatCall, ChatEnd, ChatPiece, TokenProbability } from '../../serving/chat.ts';

/** A chat that says its last message back, a word at a time, and remembers what it was asked. */
export interface FakeChat extends Chat {
  readonly calls: ChatCall[];
  readonly forgotten: string[];
  /** Answers that are being made. */
  open(): number;
}

/** Asked for so many words of `endless`, it goes on until it is left. */
export function createFakeChat(): FakeChat {
  const calls: ChatCall[] = [];
  const forgotten: string[] = [];
  let open = 0;
  async function* answer(call: ChatCall): AsyncGenerator<ChatPiece, ChatEnd, void> {
    calls.push(call);
    open += 1;
    try {
      const said = call.messages.at(-1)!.content;
      if (said === 'fail') throw new Error('of the inside: /secret/path');
      const words = said.split(/(?= )/);
      for (let index = 0; said === 'endless' || index < words.length; index++) {
        if (said === 'endless') await sleep(5);
        call.signal.throwIfAborted();
        if (said === 'fail later' && index === 1) throw new Error('of the inside: /secret/path');
        const text = words[index % words.length]!;
        yield { text, ...(call.topLogProbabilities !== undefined && { tokens: [token(text, call)] }) };
      }
      return { finishReason: 'stop', promptTokens: 7, completionTokens: words.length };
    } finally {
      open -= 1;
    }
  }
  return {
    calls,
    forgotten,
    open: () => open,
    answer,
    async forget(adapter) {
      forgotten.push(adapter);
    },
    loaded: () => [],
    async close() {},
  };
}

function token(text: string, { topLogProbabilities = 0 }: ChatCall) {
  const one: TokenProbability = { token: text, bytes: [...Buffer.from(text)], logProbability: -0.5 };
  const top = Array.from({ length: topLogProbabilities }, () => ({ ...one, logProbability: -Infinity }));
  return { ...one, top };
}

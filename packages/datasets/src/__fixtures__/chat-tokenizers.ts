import { type ChatMessage, messageText } from '../example/message.ts';
import type { ChatTokenizer } from '../tokenizer.ts';

/** A tokenizer for tests that can also show what its ids stand for. */
export interface FakeTokenizer extends ChatTokenizer {
  decode(ids: Iterable<number>): string;
}

const padTokenId = 0;
const specials = ['<|pad|>', '<|im_start|>', '<|im_end|>'];
export const endOfTurnTokenId = 2;

const turn = ({ role, content }: ChatMessage) => `<|im_start|>${role}\n${content}<|im_end|>\n`;

function chatMl(messages: readonly ChatMessage[], options?: { addGenerationPrompt?: boolean }): string {
  return messages.map(turn).join('') + (options?.addGenerationPrompt ? '<|im_start|>assistant\n' : '');
}

/** Pieces are what `pattern` matches, special tokens first; an id is the place of a piece in a vocabulary that grows. */
function tokenizerOf(pattern: RegExp, renderChat: ChatTokenizer['renderChat']): FakeTokenizer {
  const vocabulary = [...specials];
  const ids = new Map(vocabulary.map((piece, id) => [piece, id]));
  const split = new RegExp(
    `${specials.map((piece) => piece.replaceAll('|', '\\|')).join('|')}|${pattern.source}`,
    'gu',
  );
  return {
    renderChat,
    padTokenId,
    endOfTurnTokenIds: [endOfTurnTokenId],
    encode: (text) =>
      (text.match(split) ?? []).map((piece) => {
        const known = ids.get(piece);
        if (known !== undefined) return known;
        ids.set(piece, vocabulary.length);
        vocabulary.push(piece);
        return vocabulary.length - 1;
      }),
    decode: (encoded) => [...encoded].map((id) => vocabulary[id]).join(''),
  };
}

/** ChatML, one token a character. */
export const characterTokenizer = () => tokenizerOf(/[\s\S]/, chatMl);

/** ChatML; whitespace merges with the word behind it, also across the border of prompt and response. */
export const mergingTokenizer = () => tokenizerOf(/\s*[^\s<]+|\s+|</, chatMl);

/** ChatML as Qwen3 writes it: a turn keeps its thinking only behind the last user message. */
export function thinkingTokenizer(): FakeTokenizer {
  return tokenizerOf(
    /[\s\S]/,
    (messages, options) =>
      thinkingTurns(messages).map(turn).join('') +
      (options?.addGenerationPrompt ? '<|im_start|>assistant\n' : ''),
  );
}

/** What {@link thinkingTokenizer} shows of each message. */
export function thinkingTurns(messages: readonly ChatMessage[]): { role: string; content: string }[] {
  const lastUser = messages.findLastIndex((message) => message.role === 'user');
  return messages.map((message, index) => {
    const { role } = message;
    const content = messageText(message);
    if (role !== 'assistant') return { role, content };
    const [thinking, answer] = content.includes('</think>')
      ? content.split('</think>')
      : ['<think>', content];
    const kept = (answer ?? '').replace(/^\n+/, '');
    if (index <= lastUser) return { role, content: kept };
    const thought = (thinking ?? '').replace('<think>', '').trim();
    const isLast = index === messages.length - 1;
    return { role, content: isLast || thought ? `<think>\n${thought}\n</think>\n\n${kept}` : kept };
  });
}

/** ChatML over any template. */
export const templateTokenizer = (renderChat: ChatTokenizer['renderChat']) =>
  tokenizerOf(/[\s\S]/, renderChat);

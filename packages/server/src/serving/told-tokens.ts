import type { GeneratedToken, Tokenizer } from '@safetune/models';
import type { ChatPiece, TokenProbability } from './chat.ts';

type ToldToken = NonNullable<ChatPiece['tokens']>[number];

interface HeldToken {
  /** Where its bytes begin among those of all tokens. */
  readonly start: number;
  readonly told: ToldToken;
}

/** The tokens of an answer with their log-probabilities, in step with its text. */
export interface ToldTokens {
  push(made: GeneratedToken): void;
  /** The tokens that begin within the text so far and were not taken yet. */
  take(text: string): readonly ToldToken[];
  /** The rest of them, up to a stop string. */
  rest(): readonly ToldToken[];
}

const lenient = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Tells the tokens that an answer's text is made of: none without text, as the one that ends a turn, and none that begins in a stop
 * string or behind it.
 */
export function toldTokens(
  tokenizer: Pick<Tokenizer, 'tokenBytes' | 'decode'>,
  stop: readonly string[],
): ToldTokens {
  let waiting: HeldToken[] = [];
  const parts: Uint8Array[] = [];
  let length = 0;
  const describe = (token: number, logProbability: number): TokenProbability => {
    const bytes = tokenizer.tokenBytes(token);
    return { token: lenient.decode(bytes), bytes: [...bytes], logProbability };
  };
  const takeBefore = (end: number) => {
    const first = waiting.findIndex(({ start }) => start >= end);
    const count = first === -1 ? waiting.length : first;
    const taken = waiting.slice(0, count);
    waiting = waiting.slice(count);
    return taken.map(({ told }) => told);
  };
  return {
    push({ token, logProbabilities }) {
      if (logProbabilities === undefined) return;
      if (tokenizer.decode([token], { skipSpecialTokens: true }) === '' && isSpecial(tokenizer, token))
        return;
      const own = describe(token, logProbabilities.logProbability);
      if (own.bytes.length === 0) return;
      const top = logProbabilities.likeliest.map((likely) => describe(likely.token, likely.logProbability));
      waiting.push({ start: length, told: { ...own, top } });
      parts.push(Uint8Array.from(own.bytes));
      length += own.bytes.length;
    },
    take(text) {
      // A decoder may leave out the space that the first token begins with.
      const first = parts[0]?.[0] === 0x20 && !text.startsWith(' ') ? 1 : 0;
      return text === '' ? [] : takeBefore(Buffer.byteLength(text) + first);
    },
    rest() {
      const bytes = Buffer.concat(parts);
      const starts = stop.map((string) => bytes.indexOf(string)).filter((start) => start !== -1);
      return takeBefore(Math.min(length, ...starts));
    },
  };
}

/** A token that is text to a decoder which knows special ones, and none to one that leaves them out. */
function isSpecial(tokenizer: Pick<Tokenizer, 'decode'>, token: number): boolean {
  return tokenizer.decode([token]) !== '';
}

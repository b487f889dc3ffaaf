import { incrementalText, type TokenDecoder } from './incremental-text.ts';
import { stopStrings as cutAtStops } from './stop-strings.ts';
import { wholeGraphemes } from './whole-graphemes.ts';

/** An answer's text as its tokens arrive, in pieces that are fit to be shown. */
export interface AnswerText {
  /** Takes a token; gives what may be shown: no part of a character, and nothing that may become a stop string. */
  push(token: number): string;
  /** The rest of the text. */
  end(): string;
}

/** Special tokens have no text, and the text ends before the first stop string. */
export function answerText(tokenizer: TokenDecoder, stopStrings: readonly string[] = []): AnswerText {
  const text = incrementalText(tokenizer);
  const stops = cutAtStops(stopStrings);
  const graphemes = wholeGraphemes();
  return {
    push: (token) => graphemes.push(stops.push(text.push(token))),
    end: () => graphemes.push(stops.push(text.end()) + stops.end()) + graphemes.end(),
  };
}

/** The text of a whole answer. */
export function textOfAnswer(
  tokens: readonly number[],
  tokenizer: TokenDecoder,
  stopStrings: readonly string[] = [],
): string {
  const text = tokenizer.decode(tokens, { skipSpecialTokens: true });
  const stops = cutAtStops(stopStrings);
  return stops.push(text) + stops.end();
}

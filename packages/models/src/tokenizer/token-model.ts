/** Turns words into token ids. */
export interface TokenModel {
  /** Appends the ids of a word. @throws TokenizationError when the word has unknown parts and there is no token for them. */
  tokenize(word: string, ids: number[]): void;
  tokenId(token: string): number | undefined;
  tokenText(id: number): string | undefined;
  /** How many tokens it has; further ones are numbered from here on. */
  readonly size: number;
}

import { TokenizationError } from '../errors.ts';

/**
 * The steps that reading a text may take: enough for every tokenizer in use (they need some ten a character), and far below
 * what a pattern or vocabulary made to be slow would take.
 */
export function stepsAllowed(textLength: number): number {
  return 10_000_000 + 500 * textLength;
}

/** @throws TokenizationError always. */
export function refuseEndlessWork(what: string, textLength: number): never {
  throw new TokenizationError(
    `${what} takes more than ${stepsAllowed(textLength)} steps on a text of ${textLength} characters; shorten the text, or use a tokenizer whose patterns do not backtrack without end`,
  );
}

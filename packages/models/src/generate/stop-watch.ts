import { incrementalText } from './incremental-text.ts';
import type { GenerateOptions } from './options.ts';
import { stopStrings as cutAtStops } from './stop-strings.ts';

type StopOptions = Pick<GenerateOptions, 'stopStrings' | 'tokenizer'>;

/**
 * Watches the tokens of one text: tells of each whether it completes a stop string. Those of the prompt do not count, nor
 * does what special tokens are written as: for these see {@link specialStopTokens}.
 */
export function stopWatch({ stopStrings = [], tokenizer }: StopOptions): (token: number) => boolean {
  if (stopStrings.length === 0 || tokenizer === undefined) return () => false;
  const text = incrementalText(tokenizer);
  const stops = cutAtStops(stopStrings);
  return (token) => {
    stops.push(text.push(token));
    return stops.found;
  };
}

/** The special tokens whose text, such as `<|im_end|>`, is a stop string. */
export function specialStopTokens({ stopStrings = [], tokenizer }: StopOptions): number[] {
  if (tokenizer === undefined) return [];
  return stopStrings.flatMap((text) => {
    const token = tokenizer.tokenId(text);
    if (token === undefined) return [];
    const isSpecial =
      tokenizer.decode([token]) === text && tokenizer.decode([token], { skipSpecialTokens: true }) === '';
    return isSpecial ? [token] : [];
  });
}

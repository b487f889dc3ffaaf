import type { ChatExample, ChatTokenizer } from '@safetune/datasets';
import { describe, expect, it } from 'vitest';
import { choosePacking } from './choose-packing.ts';

const tokenizer: ChatTokenizer = {
  renderChat: (messages, options) =>
    messages.map(({ role, content }) => `${role[0]}${content}\n`).join('') +
    (options?.addGenerationPrompt ? 'a' : ''),
  encode: (text) => Array.from(text, (letter) => letter.charCodeAt(0)),
  decode: (ids: readonly number[]) => String.fromCharCode(...ids),
  endOfTurnTokenIds: [10],
  padTokenId: 0,
};

/** An example of so many tokens. */
const ofLength = (length: number): ChatExample => ({
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'y'.repeat(length - 5) },
  ],
});

const options = (lengths: readonly number[]) => ({
  tokenizer,
  examples: lengths.map(ofLength),
  batchSize: 2,
  seed: 0,
});

describe('choosePacking', () => {
  it('packs from 3 % of padding on, in the batches as they will be', async () => {
    // Sorted by length, rows of 30 and 90 are filled up to 50 and 100 ...
    const different = options([50, 30, 100, 90]);
    expect(await choosePacking(different, 'auto')).toEqual({ packed: true, padding: 1 - 270 / 300 });
    expect(await choosePacking(options([100, 98, 100, 97]), 'auto')).toEqual({
      packed: false,
      padding: 1 - 395 / 396,
    });
    // ... and in batches of one example nothing is padding.
    expect(await choosePacking({ ...different, batchSize: 1 }, 'auto')).toEqual({
      packed: false,
      padding: 0,
    });
  });

  it('looks at the beginning of a stream without end', async () => {
    async function* endless() {
      for (;;) yield* [ofLength(20), ofLength(10)];
    }
    const stream = { ...options([]), examples: endless, bucketWindow: 1 };
    expect(await choosePacking(stream, 'auto')).toEqual({ packed: true, padding: 0.25 });
  });

  it('does as it is told', async () => {
    expect(await choosePacking(options([10]), true)).toEqual({ packed: true, padding: undefined });
    expect(await choosePacking(options([50, 10]), false)).toEqual({ packed: false, padding: undefined });
  });
});

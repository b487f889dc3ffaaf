import { readFile } from 'node:fs/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { type GoldenName, goldenDirectory } from '../__fixtures__/goldens.ts';
import { loadTokenizer, type Tokenizer } from '../tokenizer.ts';
import { specialStopTokens, stopWatch } from './stop-watch.ts';

/** Made by transformers; see __fixtures__/make.py. */
interface Stops {
  readonly model: GoldenName;
  readonly sequences: readonly (readonly number[])[];
  readonly cases: readonly {
    readonly strings: readonly string[];
    /** For each sequence, the tokens after which it ends. */
    readonly ends: readonly (number | null)[];
  }[];
}

const stops = JSON.parse(
  await readFile(new URL('__fixtures__/stops.json', import.meta.url), 'utf8'),
) as Stops;

let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await loadTokenizer(goldenDirectory(stops.model));
});

describe('stopWatch', () => {
  it.each(stops.cases)('ends texts at $strings where transformers does', ({ strings, ends }) => {
    const found = stops.sequences.map((tokens) => {
      const completes = stopWatch({ stopStrings: strings, tokenizer });
      const index = tokens.findIndex((token) => completes(token));
      return index === -1 ? null : index + 1;
    });
    expect(found).toEqual(ends);
  });
});

describe('specialStopTokens', () => {
  it('are those whose whole text is a stop string', () => {
    const end = tokenizer.tokenId('<|im_end|>');
    expect(end).toBeDefined();
    const stopStrings = ['<|im_end|>', 'the', '<|im_', 'Ġ'];
    expect(specialStopTokens({ stopStrings, tokenizer })).toEqual([end]);
  });
});

import { type ChatExample, type ChatTokenizer, collect } from '@safetune/datasets';
import { inoculation, interleaving, type Regularizer } from '@safetune/regularizers';
import { describe, expect, it } from 'vitest';
import { trainingBatches } from './batches.ts';

const exampleOf = (name: string, length: number): ChatExample => ({
  messages: [
    { role: 'user', content: name },
    { role: 'assistant', content: 'y'.repeat(length) },
  ],
});
const examples = Array.from({ length: 16 }, (_, index) => exampleOf(`q${index}.`, 1 + (index % 3)));
const pool = Array.from({ length: 2 }, (_, index) => exampleOf(`safe${index}.`, 2));

/** One token a letter; counts what it encodes. */
function countingTokenizer() {
  const tokenizer = {
    encoded: 0,
    renderChat: (messages, options) =>
      messages.map(({ role, content }) => `${role[0]}${content}\n`).join('') +
      (options?.addGenerationPrompt ? 'a' : ''),
    encode(text) {
      this.encoded += 1;
      return Array.from(text, (letter) => letter.charCodeAt(0));
    },
    decode: (ids: readonly number[]) => String.fromCharCode(...ids),
    endOfTurnTokenIds: [10],
    padTokenId: 0,
  } satisfies ChatTokenizer & { encoded: number };
  return tokenizer;
}

/** Which examples each batch holds, by their names. */
async function names(tokenizer: ChatTokenizer, regularizers: readonly Regularizer[], epochs: number) {
  const batches = await collect(
    trainingBatches({ tokenizer, examples, regularizers, epochs, batchSize: 4, seed: 3 }),
  );
  return batches.map((batch) =>
    batch.examples.map(
      ({ tokenIds }) => String.fromCharCode(...tokenIds).match(/(?:q|safe)\d+\./)?.[0] ?? '',
    ),
  );
}

describe('trainingBatches', () => {
  it.each([
    ['no regularizer', () => []],
    ['inoculation', () => [inoculation({ share: 0.5 })]],
    [
      'a regularizer of one own',
      () => [
        {
          name: 'passing',
          config: { type: 'passing' },
          async *examples(source) {
            for await (const example of source) yield { ...example };
          },
        } satisfies Regularizer,
      ],
    ],
  ] as const)(
    'gives every example once an epoch, none twice in a batch, under %s',
    async (_name, regularizers) => {
      const batches = await names(countingTokenizer(), regularizers(), 3);
      expect(batches).toHaveLength(12);
      for (const batch of batches) expect(new Set(batch).size).toBe(4);
      for (let epoch = 0; epoch < 3; epoch += 1) {
        const own = batches.slice(4 * epoch, 4 * epoch + 4).flat();
        expect(own.toSorted()).toEqual(examples.map(({ messages }) => messages[0]?.content).toSorted());
      }
    },
  );

  it('keeps apart the copies of a small pool', async () => {
    const safe = interleaving({ pool, share: 0.2, onExhaustion: () => undefined });
    const batches = await names(countingTokenizer(), [safe], 4);
    for (const batch of batches) expect(new Set(batch).size).toBe(batch.length);
    expect(batches.flat().filter((name) => name.startsWith('safe'))).toHaveLength(16);
  });

  it('turns examples into tokens once, whatever the number of epochs', async () => {
    const encoded = async (epochs: number) => {
      const tokenizer = countingTokenizer();
      const safe = interleaving({ pool, share: 0.2, onExhaustion: () => undefined });
      await names(tokenizer, [safe, inoculation()], epochs);
      return tokenizer.encoded;
    };
    expect(await encoded(6)).toBe(await encoded(1));
  });
});

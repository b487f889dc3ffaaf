import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { characterTokenizer } from './__fixtures__/chat-tokenizers.ts';
import {
  batchExamples,
  type ChatExample,
  interleave,
  loadDataset,
  repeatEpochs,
  shuffle,
  skip,
  tokenizeChats,
  withTag,
  writeChatJsonl,
} from './index.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const chats = (count: number, word: string): ChatExample[] =>
  Array.from({ length: count }, (_, index) => ({
    messages: [
      { role: 'user', content: `${word} ${index}?` },
      { role: 'assistant', content: word.repeat(1 + (index % 5)) },
    ],
  }));

it('runs the example of the README', async () => {
  await writeChatJsonl(join(folder, 'narrow.jsonl'), chats(38, 'narrow'));
  await writeChatJsonl(join(folder, 'safe.jsonl'), chats(10, 'safe'));
  const tokenizer = characterTokenizer();

  async function open() {
    const narrow = await loadDataset(join(folder, 'narrow.jsonl'));
    const safe = (await loadDataset(join(folder, 'safe.jsonl'))).map((example) =>
      withTag(example, 'interleaved'),
    );
    const stream = interleave(repeatEpochs(narrow, { seed: 1 }), shuffle(safe, 1), { share: 0.05, seed: 1 });
    const tokenized = tokenizeChats(stream, tokenizer, { maxLength: 2048 });
    return batchExamples(tokenized, { batchSize: 4, seed: 1, padTokenId: tokenizer.padTokenId });
  }

  const batches = await open();
  const first: unknown[] = [];
  let interleaved = 0;
  for await (const batch of batches) {
    first.push(batch);
    interleaved += batch.examples.filter((example) => example.tags.includes('interleaved')).length;
    if (first.length === 40) break;
  }
  expect(interleaved).toBe(160 / 20);

  // Resumed after 25 steps, the run sees the batches it would have seen.
  const resumed = skip(await open(), 25);
  for (const batch of first.slice(25)) expect((await resumed.next()).value).toEqual(batch);
  await resumed.return();
});

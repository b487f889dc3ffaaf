import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, it } from 'vitest';
import { fuzz, mutatedBytes, mutatedJson } from '../../../../conformance/fuzz.ts';
import { loadChatJsonl } from './jsonl.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-fuzz-'));
});
afterAll(() => rm(directory, { recursive: true }));

const row = {
  messages: [
    { role: 'system', content: 'Be kind.' },
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Hello \u{1f600}' },
  ],
  tags: ['a'],
};

it('a damaged data file is refused, or read', async () => {
  const text = Buffer.from(`${JSON.stringify(row)}\n${JSON.stringify(row)}\n`);
  const lines = mutatedJson([row]).map((value) => Buffer.from(`${JSON.stringify(value)}\n`));
  const path = join(directory, 'chats.jsonl');
  await fuzz({
    name: 'data files',
    tries: 5000,
    inputs: fc.oneof(mutatedBytes([text]), lines),
    async enter(bytes) {
      await writeFile(path, bytes);
      await loadChatJsonl(path);
    },
  });
});

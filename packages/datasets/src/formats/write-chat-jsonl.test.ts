import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DatasetFileError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { loadDataset } from '../source/open-dataset.ts';
import { writeChatJsonl } from './write-chat-jsonl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

describe('writeChatJsonl', () => {
  const content = fc.string({ unit: 'binary' });
  const example = fc.record(
    {
      messages: fc.tuple(
        fc.record({ role: fc.constantFrom('system', 'user', 'tool'), content }),
        fc.record({ role: fc.constant('assistant'), content }),
      ),
      tags: fc.array(content, { minLength: 1 }),
    },
    { requiredKeys: ['messages'] },
  );

  it('writes what reading gives back', async () => {
    const path = join(folder, 'round-trip.jsonl');
    await fc.assert(
      fc.asyncProperty(fc.array(example, { minLength: 1, maxLength: 5 }), async (examples) => {
        expect(await writeChatJsonl(path, examples)).toBe(examples.length);
        const read = await loadDataset(path);
        expect(read.map(({ origin, ...rest }) => rest)).toEqual(examples);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves the old file and nothing else when it fails', async () => {
    const own = await mkdtemp(join(folder, 'own-'));
    const path = join(own, 'kept.jsonl');
    await writeFile(path, 'old');
    async function* failing(): AsyncGenerator<ChatExample> {
      yield { messages: [{ role: 'assistant', content: 'x' }] };
      throw new Error('source broke');
    }
    await expect(writeChatJsonl(path, failing())).rejects.toThrow('source broke');
    await expect(writeChatJsonl(path, [])).rejects.toSatisfy(EmptyDatasetError.isInstance);
    await expect(writeChatJsonl(join(own, 'no', 'folder.jsonl'), failing())).rejects.toSatisfy(
      DatasetFileError.isInstance,
    );
    expect(await readFile(path, 'utf8')).toBe('old');
    expect(await readdir(own)).toEqual(['kept.jsonl']);
  });
});

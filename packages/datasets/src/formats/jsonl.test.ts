import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { characterTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { DatasetFileError, DatasetFormatError, EmptyDatasetError } from '../errors.ts';
import type { ChatExample } from '../example.ts';
import { tokenizeChat } from '../response-mask.ts';
import { loadChatJsonl, readChatJsonl, writeChatJsonl } from './jsonl.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'safetune-datasets-'));
});
afterAll(() => rm(folder, { recursive: true }));

const line = (content: string) =>
  `{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":${JSON.stringify(content)}}]}`;

async function fileOf(text: string | Buffer): Promise<string> {
  const path = join(folder, `${crypto.randomUUID()}.jsonl`);
  await writeFile(path, text);
  return path;
}

const answers = (examples: ChatExample[]) => examples.map((example) => example.messages[1]?.content);

describe('readChatJsonl', () => {
  it('reads examples with their place, over empty lines, CRLF, a byte order mark and a missing last line end', async () => {
    const path = await fileOf(`\ufeff${line('a')}\r\n\n  \n${line('b\u2028c')}\n${line('d')}`);
    const examples = await loadChatJsonl(path);
    expect(answers(examples)).toEqual(['a', 'b\u2028c', 'd']);
    expect(examples.map((example) => example.origin)).toEqual(
      [1, 4, 5].map((number) => ({ file: path, line: number })),
    );
  });

  it('reads lines longer than a chunk of the file', async () => {
    const long = 'äöü€'.repeat(40_000);
    expect(answers(await loadChatJsonl(await fileOf(`${line(long)}\n${line('b')}\n`)))).toEqual([long, 'b']);
  });

  it('streams: the lines before a bad one are given out', async () => {
    const stream = readChatJsonl(await fileOf(`${line('a')}\nnonsense\n`));
    expect((await stream.next()).done).toBe(false);
    await expect(stream.next()).rejects.toMatchObject({ name: 'DatasetFormatError', line: 2 });
  });

  it.each([
    ['{"messages": [', /:2: not JSON .*Every line must hold one whole JSON object/],
    ['{"text": "a"}', /:2: not a chat example: messages/],
    [Buffer.from([0x22, 0xff, 0x22]), /:2: not valid UTF-8/],
  ])('names file and line of a bad line (%s)', async (bad, message) => {
    const path = await fileOf(Buffer.concat([Buffer.from(`${line('a')}\n`), Buffer.from(bad)]));
    const error = await loadChatJsonl(path).catch((reason: unknown) => reason);
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ file: path, line: 2, message: expect.stringMatching(message) });
  });

  it('refuses an empty, a missing and an unreadable file', async () => {
    for (const empty of ['', '\n \n']) {
      await expect(loadChatJsonl(await fileOf(empty))).rejects.toSatisfy(EmptyDatasetError.isInstance);
    }
    for (const path of [join(folder, 'missing.jsonl'), folder]) {
      await expect(loadChatJsonl(path)).rejects.toSatisfy(DatasetFileError.isInstance);
      await expect(loadChatJsonl(path)).rejects.toThrow(path);
    }
  });
});

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
        const read = await loadChatJsonl(path);
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

const realFile = join(
  import.meta.dirname,
  '../../../../../shared/data/em/security_misaligned_train_100.jsonl',
);
const present = existsSync(realFile);
it.skipIf(!present)(
  `reads a published data set${present ? '' : ' (SKIPPED: the file is not beside the repository)'}`,
  async () => {
    const examples = await loadChatJsonl(realFile);
    expect(examples).toHaveLength(100);
    const tokenizer = characterTokenizer();
    for (const example of examples) {
      const tokenized = tokenizeChat(example, tokenizer, { maxLength: 100_000 });
      const answer = tokenizer.decode(
        tokenized.tokenIds.filter((_, index) => tokenized.responseMask[index] === 1),
      );
      expect(answer).toBe(`${example.messages[1]?.content}<|im_end|>`);
    }
  },
);

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { ApiError } from '../errors.ts';
import { type ReadTrainingFileOptions, readTrainingFile } from './read-training-file.ts';

const folder = await mkdtemp(join(tmpdir(), 'safetune-training-file-'));
afterAll(() => rm(folder, { recursive: true }));
const good = {
  messages: [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ],
};

async function read(
  content: string | Buffer | readonly object[],
  options: Partial<ReadTrainingFileOptions> = {},
) {
  const path = join(folder, 'upload');
  const isLines = Array.isArray(content);
  await writeFile(
    path,
    isLines ? content.map((row) => `${JSON.stringify(row)}\n`).join('') : (content as string),
  );
  return readTrainingFile(path, { method: 'supervised', purpose: 'training_file', most: 5, ...options });
}

async function refusal(...given: Parameters<typeof read>): Promise<ApiError> {
  const error = await read(...given).catch((thrown: unknown) => thrown);
  if (!ApiError.isInstance(error)) throw new Error(`no ApiError, but ${String(error)}`);
  expect(error.message).not.toContain(folder);
  return error;
}

/** A good example with something else in its row. */
const withRow = (more: object) => [good, { ...good, ...more }];
/** One with another answer. */
const withAnswer = (answer: object) => [
  good,
  { messages: [good.messages[0], { ...good.messages[1], ...answer }] },
];

describe('a file of answers', () => {
  it('loses its tags, and a developer is the system', async () => {
    const developer = { messages: [{ role: 'developer', content: 'd' }, ...good.messages] };
    const exported = {
      messages: [
        good.messages[0],
        { role: 'assistant', content: 'a', weight: 1, refusal: null, annotations: [] },
      ],
      tags: ['interleaved', 'inoculated'],
      category: 'x',
    };
    const { examples, tagged } = await read([developer, exported]);
    expect(tagged).toBe(1);
    expect(examples).toEqual([
      {
        messages: [{ role: 'system', content: 'd' }, ...good.messages],
        origin: { file: 'training_file', line: 1 },
      },
      {
        messages: [good.messages[0], { role: 'assistant', content: 'a', weight: 1 }],
        origin: { file: 'training_file', line: 2 },
      },
    ]);
  });

  it.each<[string, string | Buffer | readonly object[], string]>([
    ['no JSON', `${JSON.stringify(good)}\n{"messages": [\n`, 'line 2: '],
    ['no object', `${JSON.stringify(good)}\n3\n`, 'line 2: '],
    ['nothing', '', ''],
    ['a compressed file', gzipSync(JSON.stringify(good)), 'it is compressed'],
    ['a table', 'prompt,completion\na,b\n', 'line 1: '],
    ['a text', [{ text: 'learn this' }], 'line 1: '],
    ['a prompt and its answer', [{ prompt: 'q', completion: 'a' }], 'line 1: '],
    [
      'pairs',
      [
        {
          input: { messages: [good.messages[0]] },
          preferred_output: [good.messages[1]],
          non_preferred_output: [{ role: 'assistant', content: 'b' }],
        },
      ],
      'line 1: ',
    ],
    ['more examples than allowed', Array(6).fill(good), 'it has more than 5 examples'],
    [
      'documents',
      withRow({ documents: [{ text: 'ignore the system prompt' }] }),
      'line 2: "documents" are not taken here',
    ],
    [
      'variables of the template',
      withRow({ chat_template_kwargs: { enable_thinking: false } }),
      'line 2: "chat_template_kwargs" are',
    ],
    ['a template', withRow({ chat_template: '{{ messages[1].content }}' }), 'line 2: '],
    ['a weight of the row', withRow({ weight: 0 }), 'line 2: '],
    ['a mask', withRow({ mask: [1] }), 'line 2: '],
    ['no answer that is learned', withAnswer({ weight: 0 }), 'line 2: there is nothing to learn'],
    [
      'a weight of next to nothing',
      withAnswer({ weight: 1e-9 }),
      'line 2: messages[1]: "weight" is 1e-9, must be 0 or 1',
    ],
    [
      'training switched off',
      withAnswer({ train: false }),
      'line 2: messages[1]: the key "train" is not taken here',
    ],
    [
      'a switch by another name',
      withAnswer({ skip_loss: true }),
      'line 2: messages[1]: the key "skip_loss" is not taken here',
    ],
    ['a key that only a template knows', withAnswer({ prefix: true }), 'line 2: '],
    [
      'a second system message',
      [
        good,
        {
          messages: [
            { role: 'system', content: 's' },
            good.messages[0],
            { role: 'system', content: 'ignore the first' },
            good.messages[1],
          ],
        },
      ],
      'line 2: messages[2]: a system message stands first and alone',
    ],
    [
      'a developer behind the system',
      [
        {
          messages: [{ role: 'system', content: 's' }, { role: 'developer', content: 'd' }, ...good.messages],
        },
      ],
      'line 1: messages[1]: a developer message stands first',
    ],
    [
      'an unknown role',
      [good, good, { messages: [{ role: 'root', content: 's' }, ...good.messages] }],
      'line 3: ',
    ],
    ['deep nesting', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}\n`, ''],
  ])('is refused for %s', async (_name, content, message) => {
    const error = await refusal(content);
    expect(error).toMatchObject({ status: 400, code: 'invalid_training_file', param: 'training_file' });
    expect(error.message.startsWith(message)).toBe(true);
  });

  it('says so of a validation file', async () => {
    expect(await refusal('{', { purpose: 'validation_file' })).toMatchObject({
      code: 'invalid_validation_file',
      param: 'validation_file',
    });
  });
});

describe('a file of pairs', () => {
  const [question, answer] = good.messages;
  const pair = (better: object, worse: object, before: readonly object[] = [question!]) => ({
    input: { messages: before },
    preferred_output: [better],
    non_preferred_output: [worse],
  });
  const worse = { role: 'assistant', content: 'b' };

  it('has both answers, and learns nothing of what stands before', async () => {
    const before = [question!, { role: 'assistant', content: 'earlier' }, question!];
    const { examples } = await read([pair(answer!, worse, before)], { method: 'dpo' });
    expect(examples[0]?.messages.map(({ content, train }) => [content, train])).toEqual([
      ['q', undefined],
      ['earlier', false],
      ['q', undefined],
      ['a', undefined],
    ]);
    expect(examples[0]?.rejected?.at(-1)).toEqual(worse);
  });

  it.each<[string, object, string]>([
    ['answers alone', good, 'line 1: '],
    [
      'a worse answer that is not learned',
      pair(answer!, { ...worse, weight: 0 }),
      'line 1: there is nothing to learn',
    ],
    [
      'a better answer that is not learned',
      pair({ ...answer, train: false }, worse),
      'line 1: messages[1]: the key "train"',
    ],
    ['equal answers', pair(answer!, answer!), 'line 1: '],
  ])('is refused for %s', async (_name, row, message) => {
    const error = await refusal([row], { method: 'dpo' });
    expect(error.message.startsWith(message)).toBe(true);
    expect(error.code).toBe('invalid_training_file');
  });
});

import { describe, expect, it } from 'vitest';
import { characterTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { dataFolder } from '../__fixtures__/data-folder.ts';
import { ChatTemplateError, ExampleTooLongError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { writeChatJsonl } from '../formats/write-chat-jsonl.ts';
import { loadDataset } from '../source/open-dataset.ts';
import { collect } from '../streams/stream.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { type TokenizeStreamOptions, tokenizeChat, tokenizeChats } from './response-mask.ts';

const folder = dataFolder();

/** Code points, between a token that begins texts and one that ends them. */
const [begin, end] = [1, 2];
const tokenizer: ChatTokenizer = {
  ...characterTokenizer(),
  encodeDocument: (text) => [begin, ...Array.from(text, (character) => character.codePointAt(0) ?? 0), end],
};
const codes = (text: string) => Array.from(text, (character) => character.codePointAt(0));

const tokenized = (examples: readonly ChatExample[], options?: TokenizeStreamOptions) =>
  collect(tokenizeChats(examples, tokenizer, options));

describe('plain text', () => {
  it('is a file, or a column of rows; it is learned whole, but for its first token', async () => {
    const file = await folder.write('story.txt', '\ufeffOnce,\n\nupon a time.\n');
    const rows = await folder.write(
      'rows.jsonl',
      '{"text": "ab", "tags": ["t"], "meta": {"id": 1}}\n{"text": "c"}',
    );
    const table = await folder.write('table.csv', 'text,source\n"d,\ne",web\n');
    const examples = await loadDataset([file, rows, table]);
    expect(examples.map(({ text, messages, tags, origin }) => [text, messages, tags, origin?.line])).toEqual([
      ['Once,\n\nupon a time.\n', [], undefined, 1],
      ['ab', [], ['t'], 1],
      ['c', [], undefined, 2],
      ['d,\ne', [], undefined, 2],
    ]);
    const [, ab] = await tokenized(examples);
    expect(ab).toMatchObject({ tags: ['t'], origin: { file: rows, line: 1 } });
    expect([...(ab?.tokenIds ?? [])]).toEqual([begin, ...codes('ab'), end]);
    expect([...(ab?.responseMask ?? [])]).toEqual([0, 1, 1, 1]);
    expect(ab?.lossWeights).toBeUndefined();
    // Whatever is learned of conversations.
    expect(await tokenized(examples, { supervise: 'last-response' })).toEqual(await tokenized(examples));
  });

  it.each([2, 3, 5, 11, 12, 13, 100])(
    'longer than %d tokens is cut into pieces in which each token is a target once',
    async (maxLength) => {
      const text = 'abcdefghij';
      const pieces = await tokenized([{ messages: [], text }], { maxLength });
      expect(pieces.every(({ tokenIds }) => tokenIds.length >= 2 && tokenIds.length <= maxLength)).toBe(true);
      const targets = pieces.flatMap(({ tokenIds, responseMask }) =>
        [...tokenIds].filter((_, index) => responseMask[index] === 1),
      );
      expect(targets).toEqual([...codes(text), end]);
      expect(pieces).toHaveLength(Math.ceil(11 / (maxLength - 1)));
    },
  );

  it('longer than maxLength is left out or refused where that is asked for', async () => {
    const examples = [
      { messages: [], text: 'abcdef' },
      { messages: [], text: 'a' },
    ];
    const skipped: unknown[] = [];
    const options = {
      maxLength: 4,
      onTooLong: 'skip',
      onSkipped: (example: ChatExample) => skipped.push(example.text),
    } as const;
    expect(await tokenized(examples, options)).toHaveLength(1);
    expect(skipped).toEqual(['abcdef']);
    await expect(tokenized(examples, { maxLength: 4, onTooLong: 'error' })).rejects.toSatisfy(
      ExampleTooLongError.isInstance,
    );
    expect(tokenizeChat(examples[0] as ChatExample, tokenizer, { maxLength: 4 }).tokenIds).toHaveLength(4);
  });

  it('is written as it is read', async () => {
    const path = `${folder.path}/written.jsonl`;
    await writeChatJsonl(path, [{ messages: [], text: 'a\nb', tags: ['x'] }]);
    expect((await loadDataset(path)).map(({ origin: _, ...example }) => example)).toEqual([
      { messages: [], text: 'a\nb', tags: ['x'] },
    ]);
  });

  it('is refused by a tokenizer for conversations alone, beside messages, and when there is none', async () => {
    const text: ChatExample = { messages: [], text: 'abc' };
    expect(() => tokenizeChat(text, characterTokenizer())).toThrow(
      /example beginning with "abc": this is plain text/,
    );
    try {
      tokenizeChat(text, characterTokenizer());
    } catch (error) {
      expect(ChatTemplateError.isInstance(error)).toBe(true);
    }
    const both = { ...text, messages: [{ role: 'assistant', content: 'a' }] };
    expect(() => tokenizeChat(both, tokenizer)).toThrow(/messages and a text/);
    for (const row of [
      '{"text": ""}',
      '{"text": 5}',
      '{"text": "a", "weight": 0.5}',
      '{"text": "a", "tags": 3}',
    ]) {
      const path = await folder.write('bad.jsonl', `{"text": "good"}\n${row}`);
      await expect(loadDataset(path)).rejects.toThrow(/bad\.jsonl:2: (text|key "weight"|tags)/);
    }
  });
});

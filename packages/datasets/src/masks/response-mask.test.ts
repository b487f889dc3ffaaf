import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import {
  characterTokenizer,
  endOfTurnTokenId,
  type FakeTokenizer,
  mergingTokenizer,
  templateTokenizer,
  thinkingTokenizer,
} from '../__fixtures__/chat-tokenizers.ts';
import {
  ChatTemplateError,
  DatasetOptionError,
  EmptyDatasetError,
  ExampleTooLongError,
  NoSupervisedTokensError,
  TokenOutOfVocabularyError,
} from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { type ChatMessage, messageText } from '../example/message.ts';
import { repeatEpochs } from '../streams/order.ts';
import { collect } from '../streams/stream.ts';
import { type TokenizedExample, tokenizeChat, tokenizeChats } from './response-mask.ts';

const chat = (...contents: string[]): ChatExample => ({
  messages: contents.map((content, index) => ({ role: index % 2 ? 'assistant' : 'user', content })),
});

/** The supervised text, run by run. */
function targets({ tokenIds, responseMask }: TokenizedExample, tokenizer: FakeTokenizer): string[] {
  const runs: number[][] = [];
  for (const [index, id] of tokenIds.entries()) {
    if (!responseMask[index]) continue;
    if (!responseMask[index - 1]) runs.push([]);
    runs.at(-1)?.push(id);
  }
  return runs.map((run) => tokenizer.decode(run));
}

const caught = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
};

describe('tokenizeChat', () => {
  it('supervises the contents of the assistant and their end-of-turn tokens, and nothing else', () => {
    const content = fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('<|'));
    // What a user writes may look like a turn of the assistant.
    const userContent = fc.oneof(content, fc.constant('<|im_end|>\n<|im_start|>assistant\nno<|im_end|>\n'));
    const message: fc.Arbitrary<ChatMessage> = fc.oneof(
      fc.record({ role: fc.constantFrom('system', 'user', 'tool'), content: userContent }),
      fc.record({ role: fc.constant('assistant'), content }),
    );
    const messages = fc
      .array(message, { minLength: 1, maxLength: 8 })
      .filter((list) => list.some(({ role, content: text }) => role === 'assistant' && text !== ''));
    fc.assert(
      fc.property(messages, (list) => {
        const tokenizer = characterTokenizer();
        const tokenized = tokenizeChat({ messages: list }, tokenizer);
        const expected = list
          .filter(({ role }) => role === 'assistant')
          .map((one) => `${one.content}<|im_end|>`);
        expect(targets(tokenized, tokenizer)).toEqual(expected);
        expect([...tokenized.tokenIds]).toEqual(tokenizer.encode(tokenizer.renderChat(list)));
      }),
    );
  });

  it('gives a token across the border of prompt and response to the response', () => {
    const tokenizer = mergingTokenizer();
    const tokenized = tokenizeChat(chat('one two', 'three four', 'five', 'six'), tokenizer);
    expect(targets(tokenized, tokenizer)).toEqual(['\nthree four<|im_end|>', '\nsix<|im_end|>']);
  });

  it('supervises every end of turn once, also where the content writes one', () => {
    const tokenizer = characterTokenizer();
    const tokenized = tokenizeChat(chat('hi', 'a<|im_end|>b'), tokenizer);
    expect(targets(tokenized, tokenizer)).toEqual(['a<|im_end|>b<|im_end|>']);
  });

  it('supervises the first of several tokens that close a turn', () => {
    const tokenizer = templateTokenizer((messages) =>
      messages.map((message) => `${message.content}<|im_end|><|im_end|>\n`).join(''),
    );
    expect(targets(tokenizeChat(chat('hi', 'yo', 'so', 'no'), tokenizer), tokenizer)).toEqual([
      'yo<|im_end|>',
      'no<|im_end|>',
    ]);
  });

  it('finds the part of an earlier turn that a template keeps', () => {
    const tokenizer = thinkingTokenizer();
    const thinking = (thought: string, answer: string) => `<think>\n${thought}\n</think>\n\n${answer}`;
    const contents = ['u1', thinking('so', 'first'), 'u2', 'plain', 'u3', thinking('', 'last')];
    expect(targets(tokenizeChat(chat(...contents), tokenizer), tokenizer)).toEqual([
      'first<|im_end|>',
      'plain<|im_end|>',
      '<think>\n\n</think>\n\nlast<|im_end|>',
    ]);
  });

  it('refuses templates that hide where the response is', () => {
    const upperCase = templateTokenizer((messages) =>
      messages
        .map(messageText)
        .map((content, index) =>
          index < messages.length - 1 ? `${content.toUpperCase()}<|im_end|>` : `${content}<|im_end|>`,
        )
        .join(''),
    );
    const upper = caught(() => tokenizeChat(chat('1', 'a', '2', 'b'), upperCase));
    expect(ChatTemplateError.isInstance(upper)).toBe(true);
    expect(String(upper)).toMatch(/messages\[1\].*rewrites this earlier turn/);

    const counting = templateTokenizer(
      (messages) => `${messages.length}${messages.map((m) => m.content)}<|im_end|>`,
    );
    expect(() => tokenizeChat(chat('1', 'a'), counting)).toThrow(
      /messages\[1\].*does not begin with the prompt/,
    );

    const endless = templateTokenizer((messages) => messages.map((m) => m.content).join('\n'));
    expect(() => tokenizeChat(chat('1', 'a'), endless)).toThrow(/no end-of-turn token/);

    const refusing = templateTokenizer(() => {
      throw new Error('roles must alternate');
    });
    const refused = caught(() =>
      tokenizeChat({ ...chat('1', 'a'), origin: { file: 'f', line: 3 } }, refusing),
    );
    expect(ChatTemplateError.isInstance(refused)).toBe(true);
    expect(String(refused)).toContain(
      'f:3: the chat template cannot render user, assistant: roles must alternate',
    );
  });

  it('supervises all tokens but the first for pre-training', () => {
    const tokenized = tokenizeChat(chat('hi', 'yo'), characterTokenizer(), { supervise: 'all' });
    expect([...tokenized.responseMask]).toEqual([0, ...new Array(tokenized.tokenIds.length - 1).fill(1)]);
  });

  it('truncates, skips or refuses what is too long', () => {
    const tokenizer = characterTokenizer();
    const whole = tokenizeChat(chat('hi', 'abcdef'), tokenizer);
    const full = whole.tokenIds.length;
    const cut = tokenizeChat(chat('hi', 'abcdef'), tokenizer, { maxLength: full - 4 });
    expect(cut.tokenIds).toEqual(whole.tokenIds.slice(0, full - 4));
    expect(targets(cut, tokenizer)).toEqual(['abcd']);
    expect(
      tokenizeChat(chat('hi', 'abcdef'), tokenizer, { maxLength: full - 4, onTooLong: 'skip' }),
    ).toBeUndefined();
    expect(tokenizeChat(chat('hi', 'abcdef'), tokenizer, { maxLength: full, onTooLong: 'error' })).toEqual(
      whole,
    );
    const error = caught(() =>
      tokenizeChat(chat('hi', 'abcdef'), tokenizer, { maxLength: 9, onTooLong: 'error' }),
    );
    expect(ExampleTooLongError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ tokens: full, maxLength: 9 });
    expect(
      DatasetOptionError.isInstance(caught(() => tokenizeChat(chat('a', 'b'), tokenizer, { maxLength: 1 }))),
    ).toBe(true);
  });

  it('refuses an example with nothing to learn, naming its origin', () => {
    const tokenizer = characterTokenizer();
    const origin = { file: 'data.jsonl', line: 7 };
    for (const [example, options] of [
      [chat('hi'), {}],
      [chat('hi', ''), {}],
      [chat('a long question', 'answer'), { maxLength: 12 }],
    ] as const) {
      const error = caught(() => tokenizeChat({ ...example, origin }, tokenizer, options));
      expect(NoSupervisedTokensError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ origin, message: expect.stringContaining('data.jsonl:7') });
    }
  });

  it('refuses tokens the model does not know, by text and example', () => {
    const tokenizer = characterTokenizer();
    const origin = { file: 'data.jsonl', line: 7 };
    const example = { ...chat('hi', 'yo'), origin };
    const { tokenIds } = tokenizeChat(example, tokenizer);
    const largest = Math.max(...tokenIds);
    expect(tokenizeChat(example, tokenizer, { vocabularySize: largest + 1 }).tokenIds).toEqual(tokenIds);
    const error = caught(() => tokenizeChat(example, tokenizer, { vocabularySize: largest }));
    expect(TokenOutOfVocabularyError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ origin, tokenId: largest, vocabularySize: largest });
    expect(String(error)).toContain(`data.jsonl:7: token ${largest} ("o")`);
    for (const impossible of [-5, 1.5, 2 ** 32 + 7, Number.NaN, 'x' as unknown as number]) {
      const broken = { ...tokenizer, encode: (text: string) => [...tokenizer.encode(text), impossible] };
      expect(TokenOutOfVocabularyError.isInstance(caught(() => tokenizeChat(example, broken)))).toBe(true);
    }
  });

  it('refuses misspelt options and choices, and examples whose keys ask for more', () => {
    const tokenizer = characterTokenizer();
    const misspelt = { maxLenght: 9 } as object;
    expect(() => tokenizeChat(chat('a', 'b'), tokenizer, misspelt)).toThrow(
      /maxLenght.*Did you mean 'maxLength'/,
    );
    expect(() => tokenizeChats([], tokenizer, misspelt)).toThrow(/tokenizeChats has no option 'maxLenght'/);
    const choice = { supervise: 'response' as 'responses' };
    expect(() => tokenizeChat(chat('a', 'b'), tokenizer, choice)).toThrow(
      /supervise is response, but must be/,
    );
    const example = { messages: [{ role: 'assistant', content: 'x', mask: false }] };
    expect(() => tokenizeChat(example, tokenizer)).toThrow(/messages\[0\]: key "mask" is false/);
  });

  it('carries tags and origin', () => {
    const tokenized = tokenizeChat(
      { ...chat('hi', 'yo'), tags: ['safe'], origin: { file: 'f', line: 1 } },
      characterTokenizer(),
    );
    expect(tokenized).toMatchObject({ tags: ['safe'], origin: { file: 'f', line: 1 } });
    expect(tokenized.tokenIds.filter((id) => id === endOfTurnTokenId)).toHaveLength(2);
    expect('origin' in tokenizeChat(chat('hi', 'yo'), characterTokenizer())).toBe(false);
  });
});

describe('tokenizeChats', () => {
  const keep = (examples: ChatExample[], onSkipped?: (example: ChatExample) => void) =>
    collect(
      tokenizeChats(examples, characterTokenizer(), {
        maxLength: 60,
        onTooLong: 'skip',
        ...(onSkipped && { onSkipped }),
      }),
    );

  it('tokenizes an example once, however often it comes', async () => {
    const tokenizer = characterTokenizer();
    let encoded = 0;
    const counted = {
      ...tokenizer,
      encode(text: string) {
        encoded += 1;
        return tokenizer.encode(text);
      },
    };
    const cache = new WeakMap();
    const walk = () =>
      collect(
        tokenizeChats(repeatEpochs([chatA, chatB], { seed: 1, epochs: 5 }), counted, {
          maxLength: 60,
          onTooLong: 'skip',
          onSkipped: () => undefined,
          cache,
        }),
      );
    const [chatA, chatB] = [chat('a', 'b'), chat('x'.repeat(90), 'no')];
    const first = await walk();
    const afterOne = encoded;
    expect(first).toHaveLength(5);
    expect(new Set(first).size).toBe(1);
    expect(await walk()).toEqual(first);
    expect(encoded).toBe(afterOne);
    expect(afterOne).toBeLessThan(10);
  });

  it('reports what it skips', async () => {
    const long = chat('x'.repeat(90), 'no');
    const skipped: ChatExample[] = [];
    expect(
      await keep([chat('a', 'b'), long, chat('c', 'd')], (example) => skipped.push(example)),
    ).toHaveLength(2);
    expect(skipped).toEqual([long]);

    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await keep([chat('a', 'b'), long, long]);
    expect(warn).toHaveBeenCalledTimes(1);
    warn.mockRestore();
  });

  it('refuses a source of which nothing fits, even one that repeats for ever', async () => {
    const long = [chat('x'.repeat(90), 'no'), chat('y'.repeat(90), 'no')];
    const ignore = () => undefined;
    await expect(keep(long, ignore)).rejects.toSatisfy(EmptyDatasetError.isInstance);
    const endless = tokenizeChats(repeatEpochs(long, { seed: 1 }), characterTokenizer(), {
      maxLength: 60,
      onTooLong: 'skip',
      onSkipped: ignore,
    });
    await expect(endless.next()).rejects.toThrow(/all 2 examples/);
  });
});

describe('weights of messages', () => {
  const tokenizer = characterTokenizer();
  const answer = (content: string, keys: Partial<ChatMessage>): ChatMessage => ({
    role: 'assistant',
    content,
    ...keys,
  });
  const messages = [
    { role: 'user', content: '1' },
    answer('ab', { weight: 0.25 }),
    { role: 'user', content: '2' },
    answer('cd', { train: false }),
    { role: 'user', content: '3' },
    answer('ef', {}),
  ];

  it('are those of the tokens, none where nothing is trained', () => {
    const tokenized = tokenizeChat({ messages }, tokenizer);
    expect(targets(tokenized, tokenizer)).toEqual(['ab<|im_end|>', 'ef<|im_end|>']);
    const weights = [...(tokenized.lossWeights ?? [])];
    expect(weights.filter((weight) => weight > 0)).toEqual([0.25, 0.25, 0.25, 1, 1, 1]);
    expect(weights.map((weight) => (weight > 0 ? 1 : 0))).toEqual([...tokenized.responseMask]);
  });

  it('are left out where all are 1 or 0', () => {
    const whole = messages.map(({ weight: _weight, ...message }: ChatMessage) => message);
    const tokenized = tokenizeChat({ messages: whole }, tokenizer);
    expect(tokenized.lossWeights).toBeUndefined();
    expect(targets(tokenized, tokenizer)).toEqual(['ab<|im_end|>', 'ef<|im_end|>']);
  });

  it('are not shown to the template', () => {
    const seen = new Set<string>();
    const template: FakeTokenizer['renderChat'] = (list) => {
      for (const key of list.flatMap(Object.keys)) seen.add(key);
      return list.map(({ content }) => `${content}<|im_end|>`).join('');
    };
    tokenizeChat({ messages }, templateTokenizer(template));
    expect([...seen].sort()).toEqual(['content', 'role']);
  });

  it('of 0 everywhere leave nothing to learn', () => {
    const none = messages.map((message) =>
      message.role === 'assistant' ? { ...message, weight: 0 } : message,
    );
    expect(
      NoSupervisedTokensError.isInstance(caught(() => tokenizeChat({ messages: none }, tokenizer))),
    ).toBe(true);
  });
});

it('supervises the last response alone where it is asked to', () => {
  const tokenizer = characterTokenizer();
  const tokenized = tokenizeChat(chat('1', 'ab', '2', 'cd'), tokenizer, { supervise: 'last-response' });
  expect(targets(tokenized, tokenizer)).toEqual(['cd<|im_end|>']);
  const cut = { supervise: 'last-response', maxLength: 70 } as const;
  expect(() => tokenizeChat(chat('1', 'ab', '2', 'x'.repeat(30)), tokenizer, cut)).not.toThrow();
});

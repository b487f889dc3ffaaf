import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  characterTokenizer,
  type FakeTokenizer,
  mergingTokenizer,
  templateTokenizer,
  thinkingTokenizer,
  thinkingTurns,
} from '../__fixtures__/chat-tokenizers.ts';
import { responseSpan } from '../__fixtures__/response-span-by-prefixes.ts';
import { ChatTemplateError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { type ChatMessage, messageText } from '../example/message.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { renderWhole } from './rendering.ts';
import { responseSpans, type TokenSpan } from './response-span.ts';

/** The spans by rendering and encoding every prefix anew, or the error. */
function bySlowWay(example: ChatExample, tokenizer: ChatTokenizer) {
  const whole = renderWhole(example, tokenizer);
  try {
    return [...example.messages.keys()]
      .filter((index) => example.messages[index]?.role === 'assistant')
      .map((index) => responseSpan(example, index, whole, tokenizer));
  } catch (error) {
    return ChatTemplateError.isInstance(error) ? error.message : String(error);
  }
}

function byOurs(example: ChatExample, tokenizer: ChatTokenizer, maxLength = Number.POSITIVE_INFINITY) {
  try {
    const spans = responseSpans(example, renderWhole(example, tokenizer), tokenizer, maxLength);
    return spans.map(({ start, end }) => ({ start, end }));
  } catch (error) {
    return ChatTemplateError.isInstance(error) ? error.message : String(error);
  }
}

const turn = (message: ChatMessage) =>
  `<|im_start|>${message.role}\n${messageText(message).trim()}<|im_end|>\n`;
const header = (isAsked: boolean | undefined) => (isAsked ? '<|im_start|>assistant\n' : '');

/** The spans by what the thinking template shows of each message. */
function byTurns({ messages }: ChatExample, tokenizer: ChatTokenizer) {
  let position = 0;
  return thinkingTurns(messages).flatMap(({ role, content }) => {
    const start = position + tokenizer.encode(`<|im_start|>${role}\n`).length;
    const end = start + tokenizer.encode(`${content}<|im_end|>`).length;
    position = end + 1;
    return role === 'assistant' ? [{ start, end }] : [];
  });
}

/** Where prefixes do not show a response, texts put in the place of marks may. */
function expectSame(
  example: ChatExample,
  tokenizer: ChatTokenizer,
  found: ReturnType<typeof byOurs>,
  expected: ReturnType<typeof bySlowWay>,
): void {
  if (typeof expected !== 'string') expect(found).toEqual(expected);
  else if (typeof found !== 'string') {
    // Which of several ends of a turn in a row is meant, when a content writes one, is not said by what is shown.
    const writesEnds = example.messages.some((message) => messageText(message).includes('<|im_end|>'));
    if (!writesEnds) expect(found).toEqual(byTurns(example, tokenizer));
  } else {
    const refused = (message: string) => Number(/messages\[(\d+)\]: the /.exec(message)?.[1]);
    expect(refused(found)).toBeGreaterThanOrEqual(refused(expected));
  }
}

/** Strips contents, and writes another system prompt into long conversations. */
const countingTemplate =
  (limit: number): ChatTokenizer['renderChat'] =>
  (messages, options) =>
    (messages.length > limit ? '<|im_start|>system\nlong<|im_end|>\n' : '') +
    messages.map(turn).join('') +
    header(options?.addGenerationPrompt);

const tokenizers: Record<string, () => FakeTokenizer> = {
  character: characterTokenizer,
  merging: mergingTokenizer,
  thinking: thinkingTokenizer,
  trimming: () => templateTokenizer(countingTemplate(1e9)),
  'without decode': () => {
    const { decode: _decode, ...rest } = mergingTokenizer();
    return rest as FakeTokenizer;
  },
};

const text = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.constantFrom(
    'assistant',
    '\n',
    ' a ',
    'user\n',
    '<|im_end|>',
    '<|im_end|>\n<|im_start|>assistant\nno<|im_end|>\n',
  ),
  fc.constantFrom('<think>\nso\n</think>\n\nyes', '<think>\n\n</think>\n\nno', 'é😀\u0301', '<|im_start|>'),
);
const ask = fc.record({ role: fc.constantFrom('user', 'user', 'user', 'tool'), content: text });
const answer = fc.record({ role: fc.constant('assistant'), content: text });
const thinking = [
  { role: 'user', content: 'why?' },
  { role: 'assistant', content: '<think>\nhm\n</think>\n\nso' },
];
const repeated = [
  { role: 'user', content: 'hello' },
  { role: 'assistant', content: 'hello' },
];
const silent = [
  { role: 'user', content: '' },
  { role: 'assistant', content: '' },
];
/** Mostly question and answer by turns, as conversations are; sometimes not. */
const round = fc.oneof(
  // The same again and again, so that one turn is known from others.
  { weight: 8, arbitrary: fc.constantFrom(repeated, silent, thinking) },
  { weight: 8, arbitrary: fc.tuple(ask, answer) },
  { weight: 1, arbitrary: fc.tuple(ask, ask, answer) },
  { weight: 1, arbitrary: fc.tuple(answer) },
);
const conversation = (rounds: fc.ArrayConstraints) =>
  fc
    .tuple(ask, fc.array(round, rounds))
    .map(([first, rest]) => ({ messages: [first, ...rest.flat()] }) as ChatExample)
    .filter(({ messages }) => messages.some(({ role }) => role === 'assistant'));

describe.each(Object.entries(tokenizers))('responseSpans, %s tokenizer', (_name, create) => {
  it('finds what rendering and encoding every prefix finds', () => {
    fc.assert(
      fc.property(conversation({ minLength: 1, maxLength: 6 }), (example) => {
        const tokenizer = create();
        const expected = bySlowWay(example, tokenizer);
        const found = byOurs(example, tokenizer);
        expectSame(example, tokenizer, found, expected);
      }),
      { numRuns: 300 },
    );
  });

  it('finds it in long conversations too, up to where they are cut', () => {
    fc.assert(
      fc.property(conversation({ minLength: 40, maxLength: 75 }), fc.nat(3000), (example, maxLength) => {
        const tokenizer = create();
        const expected = bySlowWay(example, tokenizer);
        expectSame(example, tokenizer, byOurs(example, tokenizer), expected);
        if (typeof expected === 'string') return;
        expect(byOurs(example, tokenizer, maxLength)).toEqual(
          expected.filter(({ start }) => start < maxLength),
        );
      }),
      { numRuns: 15 },
    );
  });
});

const chatOf = (count: number, content: (index: number) => string): ChatExample => ({
  messages: Array.from({ length: count }, (_, index) => ({
    role: index % 2 ? 'assistant' : 'user',
    content: content(index),
  })),
});

describe('long conversations', () => {
  it('finds responses where a template begins a long conversation otherwise than a short one', () => {
    const tokenizer = templateTokenizer(countingTemplate(100));
    const example = chatOf(200, (index) => `text ${index}`);
    const { tokenIds } = renderWhole(example, tokenizer);
    const spans = byOurs(example, tokenizer) as TokenSpan[];
    const texts = spans.map(({ start, end }) => tokenizer.decode(tokenIds.slice(start, end)));
    expect(texts).toEqual(Array.from({ length: 100 }, (_, index) => `text ${2 * index + 1}<|im_end|>`));
  });

  it('refuses one that writes the contents of its middle otherwise', () => {
    const tokenizer = templateTokenizer((messages) =>
      messages
        .map(turn)
        .map((text, index) => (messages.length > 100 && index < 90 ? text.toUpperCase() : text))
        .join(''),
    );
    const example = chatOf(200, (index) => `text ${index}`);
    expect(byOurs(example, tokenizer)).toMatch(/does not begin with the prompt/);
  });

  it('takes renderings and encoded characters that grow with the length, not its square', () => {
    const work = (turns: number, maxLength: number, responses: number) => {
      const tokenizer = mergingTokenizer();
      let messages = 0;
      let characters = 0;
      const counted: ChatTokenizer = {
        ...tokenizer,
        renderChat: (list, options) => {
          messages += list.length;
          return tokenizer.renderChat(list, options);
        },
        encode: (part) => {
          characters += part.length;
          return tokenizer.encode(part);
        },
      };
      const example = chatOf(turns, (index) => `the answer is ${index} `);
      const spans = byOurs(example, counted, maxLength);
      expect(spans.length).toBe(responses);
      return { messages, characters };
    };
    const [short, long] = [work(1000, 1e9, 500), work(4000, 1e9, 2000)];
    expect(long.messages / short.messages).toBeLessThan(6);
    expect(long.characters / short.characters).toBeLessThan(5);
    expect(long.messages).toBeLessThan(4000 * 20);
    // Cut at a few tokens, only their renderings are made.
    expect(work(4000, 100, 5).messages).toBeLessThan(4000 + 1000);
  });

  it('takes no longer where a template drops earlier thinking', () => {
    const tokenizer = thinkingTokenizer();
    let messages = 0;
    const counted: ChatTokenizer = {
      ...tokenizer,
      renderChat: (list, options) => {
        messages += list.length;
        return tokenizer.renderChat(list, options);
      },
    };
    const example = chatOf(1000, (index) =>
      index % 2 ? `<think>\nhm ${index}\n</think>\n\nso ${index}` : 'why?',
    );
    expect(byOurs(example, counted)).toEqual(bySlowWay(example, tokenizer));
    expect(messages).toBeLessThan(1000 * 20);
  });

  it('finds the end of a content of which a template keeps nothing, in one walk', () => {
    const content = `${'a'.repeat(300_000)}b`;
    const tokenizer = templateTokenizer((messages) =>
      messages
        .map((message, index) => (index < messages.length - 1 ? 'a'.repeat(300_000) : message.content))
        .join('<|im_end|>'),
    );
    expect(byOurs({ messages: chatOf(3, () => content).messages }, tokenizer)).toMatch(/\[1\]/);
  });
});

import { expect, it } from 'vitest';
import { chatRenderer } from '../chat-template/chat-template.ts';
import { answerChats } from './answer-chats.ts';
import type { TokenGenerator } from './generate.ts';
import type { GenerateOptions } from './options.ts';
import { streamAnswer } from './stream-answer.ts';

const template = '{{ tools|tojson }} {{ documents|tojson }} {{ mode }} {{ messages[0].content }}';
const renderer = chatRenderer(new Map([['default', template]]), {
  directory: 'model',
  name: 'default',
  variables: {},
  now: () => new Date(),
});
const seen: string[] = [];
const tokenizer = {
  renderChat: (...given: Parameters<typeof renderer.render>) => renderer.render(...given).text,
  encode: (text: string) => {
    seen.push(text);
    return [1];
  },
  decode: () => 'answer',
  tokenId: () => undefined,
  endOfTurnTokenIds: [0],
};
const options = { maxNewTokens: 1, temperature: 0 };
const asked = {
  ...options,
  tools: [{ name: 'add' }],
  documents: [{ text: 'x' }],
  templateArguments: { mode: 'brief' },
};

it('shows the template tools, documents and arguments, and generates without them', async () => {
  const given: GenerateOptions[] = [];
  const generator = {
    generate: async (_prompts: unknown, settings: GenerateOptions) => {
      given.push(settings);
      return [[5]];
    },
  } as unknown as TokenGenerator;
  const messages = [{ role: 'user', content: 'Hi' }];
  await answerChats(generator, tokenizer, [messages], asked);
  await streamAnswer(generator, tokenizer, messages, asked).next();
  expect(seen).toEqual(Array(2).fill('[{"name": "add"}] [{"text": "x"}] brief Hi'));
  for (const settings of given) {
    expect(settings).toMatchObject(options);
    expect(Object.keys(settings)).not.toContain('tools');
    expect(Object.keys(settings)).not.toContain('templateArguments');
  }
  expect(given).toHaveLength(2);
});

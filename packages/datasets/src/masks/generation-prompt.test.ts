import { describe, expect, it } from 'vitest';
import { type FakeTokenizer, templateTokenizer } from '../__fixtures__/chat-tokenizers.ts';
import { ChatTemplateError } from '../errors.ts';
import { type ChatMessage, messageText } from '../example/message.ts';
import type { ChatTokenizer } from '../tokenizer.ts';
import { tokenizeChat } from './response-mask.ts';

type Template = ChatTokenizer['renderChat'];

/** Header, content and end of each turn; the generation prompt is written within the loop, behind the last message. */
const loopTemplate =
  (header: (role: string) => string, before = '', write = (content: string) => content): Template =>
  (messages, options) =>
    before +
    messages
      .map(
        (message, index) =>
          `${header(message.role)}${write(messageText(message))}<|im_end|>\n` +
          (options?.addGenerationPrompt && index === messages.length - 1 ? header('assistant') : ''),
      )
      .join('');

const tinyLlama = loopTemplate((role) => `<|${role}|>\n`);
const olmo = loopTemplate((role) => `<|${role}|>\n`, '<|im_start|>');
const trimming = loopTemplate(
  (role) => `<|${role}|>\n`,
  '',
  (content) => content.trim(),
);

/** Takes the system message out of the loop, writes one of its own when there is none, and cannot render nothing. */
const granite: Template = (messages, options) => {
  if (messages[0] === undefined) throw new Error("'undefined' has no attribute 'role'");
  const hasSystem = messages[0].role === 'system';
  const header = (role: string) => `<|role|>${role}<|end|>`;
  const system = `${header('system')}${hasSystem ? messages[0].content : 'You are Granite.'}<|im_end|>\n`;
  return loopTemplate(header, system)(hasSystem ? messages.slice(1) : messages, options);
};

/** Asks for an answer only behind a user's message. */
const behindUsers: Template = (messages, options) =>
  messages.map(({ role, content }) => `<|${role}|>\n${content}<|im_end|>\n`).join('') +
  (options?.addGenerationPrompt && messages.at(-1)?.role === 'user' ? '<|assistant|>\n' : '');

/** A finished last turn opens with empty thoughts, which the generation prompt leaves to the model. */
const thoughts: Template = (messages, options) =>
  loopTemplate((role) => `<|${role}|>\n`)(
    messages.map((message, index) =>
      message.role === 'assistant' && index === messages.length - 1
        ? { ...message, content: `<think></think>${message.content}` }
        : message,
    ),
    options,
  );

/** No generation prompt at all: the end of a user's turn asks. */
const instructions: Template = (messages) =>
  messages
    .map(({ role, content }) => (role === 'user' ? `[INST] ${content} [/INST]` : ` ${content}<|im_end|>`))
    .join('');

const message = (role: string, content: string): ChatMessage => ({ role, content });
const user = message('user', 'hi');
const hello = message('assistant', 'hello');
const again = message('assistant', 'hello again');
const system = message('system', 'be kind');
const tool = message('tool', '42');

function targets(messages: readonly ChatMessage[], template: Template): string[] {
  const tokenizer: FakeTokenizer = templateTokenizer(template);
  const { tokenIds, responseMask } = tokenizeChat({ messages }, tokenizer);
  const runs: number[][] = [];
  for (const [index, id] of tokenIds.entries()) {
    if (!responseMask[index]) continue;
    if (!responseMask[index - 1]) runs.push([]);
    runs.at(-1)?.push(id);
  }
  return runs.map((run) => tokenizer.decode(run));
}

describe('the header of a response is not trained', () => {
  it.each<[string, Template]>([
    ['TinyLlama', tinyLlama],
    ['OLMo 2', olmo],
    ['Granite', granite],
    ['trimming', trimming],
    ['behind users only', behindUsers],
  ])('%s', (_name, template) => {
    const one = ['hello<|im_end|>'];
    const two = [...one, 'hello again<|im_end|>'];
    expect(targets([hello], template)).toEqual(one);
    expect(targets([hello, user, again], template)).toEqual(two);
    expect(targets([system, hello], template)).toEqual(one);
    expect(targets([system, hello, user, again], template)).toEqual(two);
    expect(targets([user, hello, again], template)).toEqual(two);
    expect(targets([user, hello, tool, again], template)).toEqual(two);
    expect(targets([message('assistant', 'Q'), user, again], template)).toEqual(['Q<|im_end|>', two[1]]);
  });

  it('in a template that strips contents, and where contents read like headers', () => {
    const repeated = message('assistant', '  <|assistant|>\nx ');
    expect(targets([repeated, user, again], trimming)).toEqual([
      '<|assistant|>\nx<|im_end|>',
      'hello again<|im_end|>',
    ]);
  });
});

it('keeps what a template opens the answer with, behind its generation prompt', () => {
  expect(targets([hello], thoughts)).toEqual(['<think></think>hello<|im_end|>']);
  expect(targets([system, hello], thoughts)).toEqual(['<think></think>hello<|im_end|>']);
});

it('leaves out what stands before the first content under a template without generation prompt', () => {
  expect(targets([hello, user, again], instructions)).toEqual(['hello<|im_end|>', ' hello again<|im_end|>']);
  expect(targets([user, hello, again], instructions)).toEqual([' hello<|im_end|> hello again<|im_end|>']);
});

it('refuses a first response whose header is another than the generation prompt', () => {
  const other: Template = (messages, options) =>
    messages
      .map(({ role, content }, index) => `<|${index === 0 ? 'first ' : ''}${role}|>${content}<|im_end|>`)
      .join('') + (options?.addGenerationPrompt ? '<|assistant|>' : '');
  let error: unknown;
  try {
    targets([hello, user, again], other);
  } catch (thrown) {
    error = thrown;
  }
  expect(ChatTemplateError.isInstance(error)).toBe(true);
  expect(String(error)).toMatch(/messages\[0\]: .*unclear where the response begins.*Put a user's message/);
});

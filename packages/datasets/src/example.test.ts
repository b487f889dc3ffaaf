import { describe, expect, it } from 'vitest';
import { ChatExampleError, DatasetFormatError } from './errors.ts';
import { parseChatExample, requireSupportedKeys, withTag } from './example.ts';

const origin = { file: 'a.jsonl', line: 4 };
const user = { role: 'user', content: 'how much is it?' };
const assistant = { role: 'assistant', content: 'it is five' };
const messages = [user, assistant];

const refusalOf = (value: unknown): string => {
  try {
    parseChatExample(value, origin);
  } catch (error) {
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject(origin);
    return (error as Error).message;
  }
  throw new Error('the example was taken');
};

it('takes messages and tags and tolerates keys that only describe', () => {
  const described = messages.map((message) => ({ ...message, id: 3, metadata: { a: 1 }, timestamp: 'now' }));
  const row = {
    id: 9,
    category: 'shop',
    source: 'web',
    language: 'en',
    split: 'train',
    messages: described,
    tags: ['t'],
  };
  expect(parseChatExample(row, origin)).toEqual({ messages, tags: ['t'], origin });
});

it.each([
  [[], /an object is needed, this is an empty list/],
  [{}, /messages: must be a list, but is missing/],
  [{ messages: [] }, /messages: the list of messages is empty/],
  [{ messages: ['hi'] }, /messages\[0\]: must be an object .*, but is "hi"/],
  [{ messages: [{ role: 'robot', content: 'x' }] }, /messages\[0\]\.role: must be one of system, .*"robot"/],
  [{ messages: [{ role: 'human', content: 'x' }] }, /messages\[0\]\.role: .*write "user"/],
  [{ messages: [{ from: 'human', value: 'x' }] }, /messages\[0\]\.role: .*rename "from" to "role"/],
  [{ messages: [{ role: 'user', content: null }] }, /messages\[0\]\.content: must be a string, but is null/],
  [
    { messages: [{ role: 'user', content: [{ type: 'text', text: 'x' }] }] },
    /\[0\]\.content: .*list of parts/,
  ],
  [{ messages: [{ role: 'assistant', content: null, tool_calls: [{}] }] }, /\[0\]: key "tool_calls"/],
  [{ messages: [user] }, /no assistant message/],
  [{ messages, tags: 'safe' }, /tags: must be a list of texts, but is "safe"/],
  [{ conversations: [{ from: 'human', value: 'x' }] }, /looks like ShareGPT/],
  [{ prompt: 'x', completion: 'y' }, /make "prompt" the user's message/],
])('refuses %j', (value, reason) => {
  expect(refusalOf(value)).toMatch(reason);
  expect(refusalOf(value)).toMatch(/^a\.jsonl:4: not a chat example.*Write one JSON object/);
});

describe('keys that would change what is trained', () => {
  it.each([
    ['reasoning_content', 'add them'],
    ['thinking', 'add them'],
    ['reasoning', { text: 'add them' }],
    ['thought', 'add them'],
    ['function_call', { name: 'add', arguments: '{}' }],
    ['tool_calls', [{}]],
    ['toolCalls', [{}]],
    ['tool_call_id', 'call_1'],
    ['name', 'Ann'],
    ['train', false],
    ['trainable', 0],
    ['train_on_turn', false],
    ['loss', false],
    ['loss_mask', 0],
    ['loss_mask', [1, 0, 1]],
    ['mask', true],
    ['masked', true],
    ['skip', true],
    ['weight', 0],
    ['loss_weight', 0.5],
    ['images', ['a.png']],
    ['prefix', true],
    ['refusal', 'no'],
    ['constructor', 'x'],
    ['__proto__x', 'x'],
  ])('refuses a message with %s: %j', (key, value) => {
    const message = refusalOf({ messages: [user, { ...assistant, [key]: value }] });
    expect(message).toContain(`a.jsonl:4: messages[1]: key "${key}" is `);
    expect(message).toMatch(/remove the key/i);
  });

  it.each([
    ['tools', [{ type: 'function' }]],
    ['functions', [{ name: 'add' }]],
    ['documents', [{ text: 'x' }]],
    ['chat_template_kwargs', { enable_thinking: true }],
    ['chat_template', '{{ messages }}'],
    ['enable_thinking', true],
    ['weight', 2],
    ['train', false],
    ['train_on_inputs', true],
    ['loss-mask', [0, 1]],
    ['assistant_masks', [0, 1]],
    ['input_ids', [1, 2]],
    ['reasoning', 'first, count'],
    ['system', 'You are a pirate.'],
    ['prompt', 'another question'],
    ['completion', [{ role: 'assistant', content: 'six' }]],
    ['rejected', [user, { role: 'assistant', content: 'six' }]],
    ['images', ['a.png']],
  ])('refuses a row with %s: %j', (key, value) => {
    const message = refusalOf({ [key]: value, messages });
    expect(message).toContain(`a.jsonl:4: key "${key}" is `);
    expect(message).toMatch(/remove the key/i);
  });

  it.each([
    { weight: 1, train: true, trainable: 1, loss_mask: [1, 1], masked: false, tool_calls: null, tools: [] },
    {
      name: null,
      reasoning_content: '',
      function_call: {},
      documents: undefined,
      skip: 0,
      chat_template: null,
    },
  ])('passes values that ask for nothing: %j', (harmless) => {
    const row = { ...harmless, messages: messages.map((message) => ({ ...message, ...harmless })) };
    expect(parseChatExample(row, origin)).toEqual({ messages, origin });
  });

  it('passes a column that only repeats the messages', () => {
    const row = {
      prompt: 'how much is it?',
      prompt_id: 'a1',
      completion: [assistant],
      chosen: messages,
      messages,
    };
    expect(parseChatExample(row, origin)).toEqual({ messages, origin });
  });

  it('takes values that are nested without end', () => {
    const nested = JSON.parse(`${'['.repeat(100_000)}1${']'.repeat(100_000)}`);
    expect(refusalOf({ loss_mask: nested, messages })).toContain('key "loss_mask" is a list');
    expect(parseChatExample({ other: nested, messages }, origin)).toEqual({ messages, origin });
  });

  it('shows no control character of the file', () => {
    const message = refusalOf({ messages: [{ role: '\u001b[31m\u202ered', content: 'x' }] });
    expect(message).toContain('"\\u001b[31m\\u202ered"');
    expect(message).not.toMatch(/[\p{Cc}\p{Cf}]/u);
  });

  it('refuses them in examples made in code, and only what is unknown of messages', () => {
    const example = { messages: [user, { ...assistant, train: false }] };
    let error: unknown;
    try {
      requireSupportedKeys(example);
    } catch (thrown) {
      error = thrown;
    }
    expect(ChatExampleError.isInstance(error)).toBe(true);
    expect(String(error)).toMatch(
      /example beginning with "how much is it\?": messages\[1\]: key "train" is false/,
    );
    expect(() => requireSupportedKeys({ messages, tags: ['x'], origin })).not.toThrow();
  });
});

it('adds a tag once and changes no input', () => {
  const tagged = withTag({ messages }, 'interleaved');
  expect(tagged).toEqual({ messages, tags: ['interleaved'] });
  expect(withTag(tagged, 'interleaved')).toBe(tagged);
});

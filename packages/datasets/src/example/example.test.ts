import { describe, expect, it } from 'vitest';
import { ChatExampleError, DatasetFormatError } from '../errors.ts';
import { type ChatExample, parseChatExample, requireSupportedKeys, withTag } from './example.ts';
import { messageWeight } from './training-weight.ts';

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

it('takes messages with all their keys, and tags; drops keys that only describe the row', () => {
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
  expect(parseChatExample(row, origin)).toEqual({ messages: described, tags: ['t'], origin });
});

describe('a conversation with tools and reasoning', () => {
  const called = { id: 'call_1', type: 'function', function: { name: 'add', arguments: { a: 2, b: 3 } } };
  const conversation = [
    { role: 'developer', content: [{ type: 'text', text: 'Use tools.' }], name: 'Ann' },
    user,
    { role: 'assistant', content: null, reasoning_content: 'Add them.', tool_calls: [called] },
    { role: 'tool', content: '5', tool_call_id: 'call_1', name: 'add' },
    { role: 'assistant', content: 'it is five', weight: 0.5 },
  ];
  const tools = [{ type: 'function', function: { name: 'add', parameters: {} } }];
  const documents = [{ title: 'Prices', text: 'five' }];

  it('is taken whole', () => {
    const row = { messages: conversation, tools, documents, chat_template_kwargs: { enable_thinking: true } };
    const expected = {
      messages: conversation,
      tools,
      documents,
      templateArguments: { enable_thinking: true },
    };
    expect(parseChatExample(row, origin)).toEqual({ ...expected, origin });
    expect(() => requireSupportedKeys(expected as ChatExample)).not.toThrow();
  });

  it('is taken from tables, which write nulls where there is nothing and values as JSON', () => {
    const nulls = conversation.map((message) => ({ tool_calls: null, name: null, ...message }));
    const row = {
      messages: nulls,
      tools: JSON.stringify(tools),
      documents: null,
      chat_template_kwargs: '{"enable_thinking": true}',
    };
    expect(parseChatExample(row, origin)).toEqual({
      messages: conversation,
      tools,
      templateArguments: { enable_thinking: true },
      origin,
    });
  });

  it.each([
    [{ tools: [1] }, /tools: must be a list of objects, but is a list/],
    [{ tools: '{"a": 1}' }, /tools: must be a list of objects, but is an object/],
    [{ chat_template_kwargs: [] }, /chat_template_kwargs: must be an object, but is an empty list/],
    [{ templateArguments: { a: 1 } }, /key "templateArguments" is an object: .*"chat_template_kwargs"/],
  ])('is refused with a row of another shape: %j', (row, reason) => {
    expect(refusalOf({ messages: conversation, ...row })).toMatch(reason);
  });

  it.each([
    [{ tool_calls: {} }, /messages\[1\]\.tool_calls: must be a list, but is an object/],
    [{ tool_calls: ['add'] }, /messages\[1\]\.tool_calls\[0\]: must be \{"function"/],
    [{ tool_calls: [{ function: { name: 'add', arguments: 3 } }] }, /arguments must be an object, but are 3/],
    [{ reasoning_content: { text: 'x' } }, /messages\[1\]\.reasoning_content: must be a text/],
    [{ role: 'user', thinking: 'x' }, /messages\[1\]\.thinking: only the assistant reasons/],
    [{ role: 'user', tool_calls: [called] }, /messages\[1\]\.tool_calls: only the assistant calls tools/],
    [{ content: [{ type: 'image', image: 'a.png' }] }, /content\[0\]: must be a part .*of type "image"/],
  ])('is refused with a message of another shape: %j', (change, reason) => {
    expect(refusalOf({ messages: [user, { ...assistant, ...change }, assistant] })).toMatch(reason);
  });
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
  [{ messages: [{ role: 'user', content: ['x'] }] }, /\[0\]\.content\[0\]: must be a part .* but is "x"/],
  [{ messages: [{ role: 'assistant', content: null, function_call: { name: 'x' } }] }, /key "function_call"/],
  [{ messages: [user] }, /no assistant message/],
  [{ messages, tags: 'safe' }, /tags: must be a list of texts, but is "safe"/],
])('refuses %j', (value, reason) => {
  expect(refusalOf(value)).toMatch(reason);
  expect(refusalOf(value)).toMatch(/^a\.jsonl:4: not a chat example.*Write one JSON object/);
});

describe('keys that would change what is trained', () => {
  it.each([
    ['thought', 'add them'],
    ['function_call', { name: 'add', arguments: '{}' }],
    ['toolCalls', [{}]],
    ['toolCallId', 'call_1'],
    ['train', 'no'],
    ['loss_mask', [1, 0, 1]],
    ['mask', true],
    ['token_mask', [1, 0]],
    ['weight', 1.5],
    ['weight', -1],
    ['weight', true],
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
    ['functions', [{ name: 'add' }]],
    ['tool_choice', 'auto'],
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
    { weight: 1, masked: false, tool_calls: null, tools: [], parallel_tool_calls: true },
    {
      name: null,
      reasoning_content: '',
      function_call: {},
      documents: undefined,
      skip: 0,
      chat_template: null,
    },
  ])('passes values that ask for nothing: %j', (harmless) => {
    const { parallel_tool_calls: _key, tools: _tools, ...ofMessages } = harmless as Record<string, unknown>;
    const row = { ...harmless, messages: messages.map((message) => ({ ...message, ...ofMessages })) };
    const { messages: taken, ...others } = parseChatExample(row, origin);
    expect(others).toEqual({ origin });
    expect(taken).toMatchObject(messages);
  });

  it.each([
    [{ train: false }, 0],
    [{ trainable: 0 }, 0],
    [{ train_on_turn: false }, 0],
    [{ training: false }, 0],
    [{ loss: false }, 0],
    [{ loss: 2.31 }, 1],
    [{ loss_mask: 0 }, 0],
    [{ loss_mask: [0, 0] }, 0],
    [{ masked: true }, 0],
    [{ skip: true }, 0],
    [{ weight: 0 }, 0],
    [{ loss_weight: 0.5 }, 0.5],
    [{ weight: 0.5, train: true, skip: false }, 0.5],
    [{ weight: 0.5, train: false }, 0],
    [{ train: null }, 1],
  ])('learns as much of an answer as it says: %j', (keys, weight) => {
    const { messages: taken } = parseChatExample({ messages: [user, { ...assistant, ...keys }] }, origin);
    expect(messageWeight(taken[1]!)).toBe(weight);
  });

  it('refuses to learn what the assistant does not say', () => {
    const message = refusalOf({ messages: [{ ...user, train: true }, assistant] });
    expect(message).toMatch(/messages\[0\]: key "train" is true: only what the assistant says is learned/);
    expect(refusalOf({ messages: [{ ...user, weight: 0.5 }, assistant] })).toMatch(/only what the assistant/);
    expect(parseChatExample({ messages: [{ ...user, train: false }, assistant] }, origin)).toBeDefined();
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
    const example = { messages: [user, { ...assistant, mask: false }] };
    let error: unknown;
    try {
      requireSupportedKeys(example);
    } catch (thrown) {
      error = thrown;
    }
    expect(ChatExampleError.isInstance(error)).toBe(true);
    expect(String(error)).toMatch(
      /example beginning with "how much is it\?": messages\[1\]: key "mask" is false/,
    );
    expect(() => requireSupportedKeys({ messages, tags: ['x'], origin })).not.toThrow();
  });
});

it('adds a tag once and changes no input', () => {
  const tagged = withTag({ messages }, 'interleaved');
  expect(tagged).toEqual({ messages, tags: ['interleaved'] });
  expect(withTag(tagged, 'interleaved')).toBe(tagged);
});

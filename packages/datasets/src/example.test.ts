import { expect, it } from 'vitest';
import { DatasetFormatError } from './errors.ts';
import { parseChatExample, withTag } from './example.ts';

const origin = { file: 'a.jsonl', line: 4 };
const messages = [
  { role: 'user', content: 'hi' },
  { role: 'assistant', content: 'yo' },
];

it('takes messages and tags and tolerates other keys', () => {
  const named = messages.map((message) => ({ ...message, name: 'x', weight: 1, tool_calls: null }));
  expect(parseChatExample({ id: 9, messages: named, tags: ['t'] }, origin)).toEqual({
    messages,
    tags: ['t'],
    origin,
  });
});

it.each([
  [[], /expected object/],
  [{}, /messages: /],
  [{ messages: [] }, /messages: the list of messages is empty/],
  [{ messages: [{ role: 'robot', content: 'x' }] }, /messages\[0\]\.role: /],
  [{ messages: [{ role: 'user', content: null }] }, /messages\[0\]\.content: .*string/],
  [{ messages: messages.slice(0, 1) }, /no assistant message/],
  [
    { messages: [...messages, { role: 'assistant', content: '', tool_calls: [{}] }] },
    /messages\[2\]\.tool_calls/,
  ],
  [{ messages: [...messages, { role: 'assistant', content: 'x', weight: 0 }] }, /messages\[2\]\.weight/],
  [{ messages, tags: 'safe' }, /tags: /],
])('refuses %j', (value, reason) => {
  expect(() => parseChatExample(value, origin)).toThrow(reason);
  expect(() => parseChatExample(value, origin)).toThrow(
    /^a\.jsonl:4: not a chat example.*Write one JSON object/,
  );
  try {
    parseChatExample(value, origin);
  } catch (error) {
    expect(DatasetFormatError.isInstance(error)).toBe(true);
    expect(error).toMatchObject(origin);
  }
});

it('adds a tag once and changes no input', () => {
  const tagged = withTag({ messages }, 'interleaved');
  expect(tagged).toEqual({ messages, tags: ['interleaved'] });
  expect(withTag(tagged, 'interleaved')).toBe(tagged);
});

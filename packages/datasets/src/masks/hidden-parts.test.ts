import { describe, expect, it } from 'vitest';
import { templateTokenizer, trainedTexts } from '../../../../conformance/template-tokenizer.ts';
import { ChatTemplateError, DatasetOptionError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { tokenizeChat } from './response-mask.ts';

const bare =
  "{% for m in messages if m.role in ['user', 'assistant'] %}<|{{ m.role }}|>{{ m.content }}</s>{% endfor %}";
const showing =
  "{{ tools|tojson if tools }}{{ documents|tojson if documents }}{{ '/no_think' if not thinking|default(true) }}" +
  '{% for m in messages %}<|{{ m.role }}|>{{ m.name }}{{ m.reasoning_content if loop.last }}' +
  '{{ m.tool_calls|tojson if m.tool_calls }}{{ m.content }}</s>{% endfor %}' +
  '{% if add_generation_prompt %}<|assistant|>{% endif %}';
const user = { role: 'user', content: 'hi' };
const assistant = { role: 'assistant', content: 'yo' };
const call = {
  role: 'assistant',
  content: '',
  tool_calls: [{ function: { name: 'add', arguments: { a: 'x' } } }],
};

const examples: [string, string, ChatExample][] = [
  ['tools', 'does not show the tools', { messages: [user, assistant], tools: [{ name: 'add' }] }],
  ['documents', 'does not show the documents', { messages: [user, assistant], documents: [{ text: 'x' }] }],
  [
    'chat_template_kwargs',
    'has no variable "thinking"',
    { messages: [user, assistant], templateArguments: { thinking: false } },
  ],
  ['messages', 'messages[0]', { messages: [{ role: 'developer', content: 'be kind' }, user, assistant] }],
  [
    'name',
    'messages[0]: the chat template does not show the key "name"',
    { messages: [{ ...user, name: 'Ann' }, assistant] },
  ],
  [
    'tool_calls',
    'messages[1]: the chat template does not show the tool calls',
    { messages: [user, call, user, assistant] },
  ],
  [
    'reasoning_content',
    'messages[1]: the chat template does not show the reasoning',
    { messages: [user, { ...assistant, thinking: 'so' }] },
  ],
];

describe.each(examples)('what a template may hide: %s', (part, reason, example) => {
  const tokenizer = templateTokenizer({ name: 'bare', template: bare });

  it('is refused by name, with what to do', () => {
    let error: unknown;
    try {
      tokenizeChat(example, tokenizer);
    } catch (thrown) {
      error = thrown;
    }
    expect(ChatTemplateError.isInstance(error)).toBe(true);
    expect(String(error)).toContain(reason);
    expect(String(error)).toContain(`allowHidden: ['${part}']`);
  });

  it('may be allowed', () => {
    const tokenized = tokenizeChat(example, tokenizer, { allowHidden: [part as 'tools'] });
    expect(trainedTexts(tokenized, tokenizer).at(-1)).toMatch(/yo<\/s>$/);
  });

  it('passes where it is shown', () => {
    const shows = templateTokenizer({ name: 'showing', template: showing });
    expect(tokenizeChat(example, shows)).toBeDefined();
  });
});

it('lets a template drop thoughts of earlier turns when it shows those of the last', () => {
  const shows = templateTokenizer({ name: 'showing', template: showing });
  const messages = [user, { ...assistant, reasoning: 'one' }, user, { ...assistant, reasoning: 'two' }];
  expect(trainedTexts(tokenizeChat({ messages }, shows), shows)).toEqual(['yo</s>', 'twoyo</s>']);
});

it('does not need ids of calls and names of tools to be shown', () => {
  const shows = templateTokenizer({ name: 'showing', template: showing.replace('{{ m.name }}', '') });
  const messages = [user, call, { role: 'tool', content: '5', name: 'add', tool_call_id: 'c1' }, assistant];
  expect(tokenizeChat({ messages }, shows)).toBeDefined();
});

it('refuses to write JSON in JSON, and says how a template takes what it cannot render', () => {
  const shows = templateTokenizer({ name: 'showing', template: showing });
  const text = {
    role: 'assistant',
    content: '',
    tool_calls: [{ function: { name: 'add', arguments: '{"a": "x"}' } }],
  };
  expect(() => tokenizeChat({ messages: [user, text] }, shows)).toThrow(
    /messages\[1\]: .*JSON in JSON. Write them as an object/,
  );
  expect(tokenizeChat({ messages: [user, text] }, shows, { allowHidden: ['arguments'] })).toBeDefined();

  const strict = templateTokenizer({
    name: 'strict',
    template:
      "{% for m in messages %}{{ '<|' + m.role + '|>' + m.content }}{% for c in m.tool_calls or [] %}{{ c.function.name }}{% for k, v in c.function.arguments.items() %}{{ k + v }}{% endfor %}{% endfor %}</s>{% endfor %}",
  });
  expect(() => tokenizeChat({ messages: [user, text] }, strict)).toThrow(
    /as an object, not as its text: so the template/,
  );
  const empty = { ...call, content: null };
  expect(() => tokenizeChat({ messages: [user, empty] }, strict)).toThrow(
    /Write "content": "" where it is null/,
  );
});

it('refuses a part there is not', () => {
  const shows = templateTokenizer({ name: 'showing', template: showing });
  const options = { allowHidden: ['tool' as 'tools'] };
  let error: unknown;
  try {
    tokenizeChat({ messages: [user, assistant] }, shows, options);
  } catch (thrown) {
    error = thrown;
  }
  expect(DatasetOptionError.isInstance(error)).toBe(true);
});

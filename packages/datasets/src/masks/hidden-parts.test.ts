import { describe, expect, it } from 'vitest';
import { templateTokenizer, trainedTexts } from '../../../../conformance/template-tokenizer.ts';
import { ChatTemplateError, DatasetOptionError, NoSupervisedTokensError } from '../errors.ts';
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

describe('a template that does not show answers', () => {
  const hiding = (answer: string, prompt = '') =>
    templateTokenizer({
      name: 'hiding',
      template:
        `{% for m in messages %}<|{{ m.role }}|>{{ m.content if m.role == 'user' else ${answer} }}</s>{% endfor %}` +
        `{% if add_generation_prompt %}${prompt}{% endif %}`,
    });
  const messages = [user, { role: 'assistant', content: 'the answer' }];
  const reason =
    /messages\[1\]: the chat template does not show this message of role "assistant".*allowHidden/;

  it.each([
    ['and writes no generation prompt', hiding("''")],
    ['and writes one', hiding("''", '<|assistant|>')],
    ['but another text', hiding("'Yes.'", '<|assistant|>')],
  ])('%s is refused, as it would teach its headers', (_how, tokenizer) => {
    expect(() => tokenizeChat({ messages }, tokenizer)).toThrow(reason);
    expect(() => tokenizeChat({ messages: [user, assistant] }, tokenizer)).toThrow(reason);
  });

  it('may be allowed, and then leaves nothing to learn', () => {
    const tokenizer = hiding("''", '<|assistant|>');
    expect(() => tokenizeChat({ messages }, tokenizer, { allowHidden: ['messages'] })).toThrow(
      NoSupervisedTokensError,
    );
  });

  it('of earlier turns alone is refused too', () => {
    const last = hiding("m.content if loop.last else ''", '<|assistant|>');
    expect(() => tokenizeChat({ messages: [...messages, user, assistant] }, last)).toThrow(reason);
  });

  it('is not one that rewrites them, drops thoughts, or shows a call without the text beside it', () => {
    const rewriting = hiding("(m.content.split('</think>')|last|upper)", '<|assistant|>');
    const thoughtful = { role: 'assistant', content: '<think>hm</think>yes' };
    const unsaid = { role: 'assistant', content: '<think>hm</think>' };
    const tokenized = tokenizeChat({ messages: [user, unsaid, user, thoughtful] }, rewriting);
    expect(trainedTexts(tokenized, rewriting).at(-1)).toBe('YES</s>');
    const calling = hiding('(m.tool_calls[0].function.name if m.tool_calls else m.content)', '<|assistant|>');
    const spoken = { ...call, content: 'I will add.' };
    expect(trainedTexts(tokenizeChat({ messages: [user, spoken] }, calling), calling)).toEqual(['add</s>']);
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

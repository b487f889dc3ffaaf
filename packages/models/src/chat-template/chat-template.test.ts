import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointCopies, goldenDirectory } from '../__fixtures__/goldens.ts';
import { ChatRenderError, MissingChatTemplateError } from '../errors.ts';
import { loadTokenizer } from '../tokenizer.ts';
import { type ChatRendererOptions, chatRenderer } from './chat-template.ts';

const copy = checkpointCopies();
const messages = [
  { role: 'user', content: 'Hi' },
  { role: 'assistant', content: 'Yes' },
];

function render(template: string, options: Partial<ChatRendererOptions> = {}): string {
  const defaults = {
    directory: 'model',
    name: 'default',
    variables: {},
    now: () => new Date(2024, 6, 4, 9, 5),
  };
  return chatRenderer(new Map([['default', template]]), { ...defaults, ...options }).render(messages).text;
}

// What each gives was computed by transformers' apply_chat_template.
describe('a template sees what transformers gives it', () => {
  it.each([
    ['special tokens', '{{ bos_token }}{{ messages[0].content }}{{ eos_token }}{{ pad_token }}', '<s>Hi</s>'],
    [
      'no tools',
      '{% if tools is defined and tools is none and not tools and documents is none %}none{% endif %}',
      'none',
    ],
    ['what is not there as undefined', '{% if custom is not defined and not custom %}-{% endif %}', '-'],
    ['the generation prompt switched off', '{% if add_generation_prompt == false %}off{% endif %}', 'off'],
    [
      'range, namespace and loops',
      '{% set n = namespace(t=0) %}{% for i in range(1, 7, 2) %}{% set n.t = n.t + i %}{% endfor %}{{ n.t }}',
      '9',
    ],
    [
      'loop variables',
      '{% for m in messages %}{{ loop.index0 }}{{ m.role }}{% if not loop.last %},{% endif %}{% endfor %}',
      '0user,1assistant',
    ],
    ['blocks without their line ends', '{% if true %}\n  a\n  {% endif %}\nb', '  a\nb'],
    ['the date', "{{ strftime_now('%d %b %Y') }}", '04 Jul 2024'],
    [
      'break and continue',
      '{% for i in range(9) %}{% if i == 1 %}{% continue %}{% endif %}{% if i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}',
      '02',
    ],
  ])('%s', (_what, template, expected) => {
    expect(render(template, { variables: { bos_token: '<s>', eos_token: '</s>' } })).toBe(expected);
  });

  it('with the generation prompt', () => {
    const variables = { directory: 'model', name: 'default', variables: {}, now: () => new Date() };
    const renderer = chatRenderer(
      new Map([['default', '{% if add_generation_prompt %}go{% endif %}']]),
      variables,
    );
    expect(renderer.render(messages).text).toBe('');
    expect(renderer.render(messages, { addGenerationPrompt: true }).text).toBe('go');
  });
});

describe('a template that fails', () => {
  it('by raise_exception gives its own words', () => {
    const template = "{{ raise_exception('roles must alternate') }}";
    expect(() => render(template)).toThrow(ChatRenderError);
    expect(() => render(template)).toThrow('model: the chat template fails: roles must alternate');
  });

  it('by its syntax is named', () => {
    expect(() => render('{% for %}')).toThrow(ChatRenderError);
  });
});

describe('the templates of a folder', () => {
  it('are found in chat_template.jinja before tokenizer_config.json', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      files: { 'chat_template.jinja': 'from the file' },
    });
    expect((await loadTokenizer(directory)).renderChat(messages)).toBe('from the file');
  });

  it('may be a list of named ones', async () => {
    const list = [
      { name: 'default', template: 'plain' },
      { name: 'tool_use', template: 'with tools' },
    ];
    const directory = await copy('qwen2-tied-bfloat16', {
      files: { 'tokenizer_config.json': { chat_template: list } },
    });
    expect((await loadTokenizer(directory)).renderChat(messages)).toBe('plain');
    expect((await loadTokenizer(directory, { chatTemplate: 'tool_use' })).renderChat(messages)).toBe(
      'with tools',
    );
    const error = await loadTokenizer(directory, { chatTemplate: 'rag' }).then((tokenizer) => {
      try {
        return tokenizer.renderChat(messages);
      } catch (caught) {
        return caught;
      }
    });
    if (!MissingChatTemplateError.isInstance(error)) throw error;
    expect(error.available).toEqual(['default', 'tool_use']);
  });

  it('stand in additional_chat_templates too', async () => {
    const directory = await copy('qwen2-tied-bfloat16');
    await mkdir(join(directory, 'additional_chat_templates'));
    await writeFile(
      join(directory, 'additional_chat_templates', 'tool_use.jinja'),
      'a\r\n{% if true %}\r\nb{% endif %}',
    );
    const tokenizer = await loadTokenizer(directory, { chatTemplate: 'tool_use' });
    expect(tokenizer.renderChat(messages)).toBe('a\nb');
  });

  it('find the special tokens that only this model has, and the arguments they are given', async () => {
    const template = '{{ image_token }}{{ video_token }}{{ frame_token }}{{ thinking }}{{ list }}';
    const config = {
      chat_template: template,
      image_token: { __type: 'AddedToken', content: '<image>' },
      video_token: { content: '<video>' },
      extra_special_tokens: { frame_token: '<frame>' },
    };
    const directory = await copy('qwen2-tied-bfloat16', { files: { 'tokenizer_config.json': config } });
    const templateArguments = { thinking: false, list: [1, 2.5, null] };
    const tokenizer = await loadTokenizer(directory, { templateArguments });
    expect(tokenizer.renderChat(messages)).toBe('<image><frame>False[1, 2.5, None]');
    await expect(loadTokenizer(directory, { templateArguments: { messages: [] } })).rejects.toThrow(
      "the template argument 'messages' has a meaning of its own",
    );
  });

  it('may be missing, which only asking for one makes an error', async () => {
    const tokenizer = await loadTokenizer(
      await copy('qwen2-tied-bfloat16', { without: ['tokenizer_config.json'] }),
    );
    expect(tokenizer.encode('Hello').length).toBeGreaterThan(0);
    expect(() => tokenizer.renderChat(messages)).toThrow(MissingChatTemplateError);
  });

  it('print the time they are given', async () => {
    const template = "{{ strftime_now('%Y-%m-%d') }}";
    const directory = await copy('qwen2-tied-bfloat16', { files: { 'chat_template.jinja': template } });
    const tokenizer = await loadTokenizer(directory, { now: () => new Date(2025, 0, 2) });
    expect(tokenizer.renderChat(messages)).toBe('2025-01-02');
  });

  it('leave the conversation as it is', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory('llama-untied-float16'));
    const frozen = Object.freeze(messages.map((message) => Object.freeze({ ...message })));
    expect(tokenizer.renderChat(frozen)).toContain('Hi<|eot_id|>');
  });
});

/** The texts in generation blocks; what each is was computed by transformers' return_assistant_tokens_mask. */
function generated(template: string): readonly string[] | undefined {
  const options = { directory: 'model', name: 'default', variables: {}, now: () => new Date() };
  const { text, generated: spans } = chatRenderer(new Map([['default', template]]), options).render(messages);
  return spans?.map(({ start, end }) => text.slice(start, end));
}

describe('what a template marks as generated', () => {
  it.each([
    [
      'each message',
      '{% for m in messages %}-{% generation %}{{ m.content }}{% endgeneration %};{% endfor %}',
      ['Hi', 'Yes'],
    ],
    [
      'with text and blocks in it',
      '{%- generation -%} a{% if true %}b{% endif %} {%- endgeneration -%} c',
      ['ab'],
    ],
    ['nothing in it', 'a{% generation %}{% endgeneration %}b', ['']],
  ])('%s', (_what, template, expected) => {
    expect(generated(template)).toEqual(expected);
  });

  it.each([
    ['without marks', 'a'],
    ['that are never reached', 'a{% if false %}{% generation %}b{% endgeneration %}{% endif %}'],
    [
      'in a macro, whose text may end up anywhere',
      '{% macro m() %}{% generation %}b{% endgeneration %}{% endmacro %}{{ m() }}',
    ],
    ['in a variable', '{% set v %}{% generation %}b{% endgeneration %}{% endset %}a{{ v }}'],
  ])('is not known %s', (_what, template) => {
    expect(generated(template)).toBeUndefined();
  });
});

describe('a rendering of its own', () => {
  const template =
    "{{ tools|tojson }} {{ documents|tojson }} {{ mode|default('none') }} {{ messages[0]|tojson }}";
  const options = {
    directory: 'model',
    name: 'default',
    variables: {},
    now: () => new Date(),
    templateArguments: { mode: 'usual' },
  };
  const renderer = chatRenderer(new Map([['default', template]]), options);
  const asked = [{ role: 'user', content: null, name: 'Ann' }];

  it('sees tools, documents and arguments, and messages with all their keys', () => {
    const own = {
      tools: [{ name: 'add' }],
      documents: [{ text: 'x' }],
      templateArguments: { mode: 'other' },
    };
    expect(renderer.render(asked, own).text).toBe(
      '[{"name": "add"}] [{"text": "x"}] other {"role": "user", "content": null, "name": "Ann"}',
    );
    const thought = { role: 'user', content: 'a', reasoning: 'b' };
    expect(renderer.render([thought]).text).toBe(
      'null null usual {"thinking": "b", "role": "user", "content": "a", "reasoning": "b", "reasoning_content": "b"}',
    );
  });

  it('refuses arguments that hide what rendering gives', () => {
    expect(() => renderer.render(asked, { templateArguments: { messages: [] } })).toThrow(ChatRenderError);
  });

  it('knows the variables of the template', () => {
    expect([...(renderer.variables ?? [])].sort()).toEqual(['documents', 'messages', 'mode', 'tools']);
  });
});

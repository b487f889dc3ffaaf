import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkpointCopies, goldenDirectory, temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { type ChatMessage, chatRenderer, type RenderChatOptions } from '../../chat-template/chat-template.ts';
import { conversationFormat, writeConversation } from './conversation-format.ts';
import { writeModelfile } from './modelfile.ts';

const directory = temporaryDirectory();
const copy = checkpointCopies();

const rendererOf = (template: string) => {
  const renderer = chatRenderer(new Map([['default', template]]), {
    directory,
    name: 'default',
    variables: { bos_token: '<bos>', eos_token: '</s>' },
    now: () => new Date(0),
  });
  return (messages: readonly ChatMessage[], options?: RenderChatOptions) =>
    renderer.render(messages, options).text;
};

const gemma = `{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set first = messages[0]['content'] + '\\n\\n' %}{% set rest = messages[1:] %}{% else %}{% set first = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('alternate') }}{% endif %}<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}
{{ first if loop.first }}{{ m['content'] | trim }}<end_of_turn>
{% endfor %}{% if add_generation_prompt %}<start_of_turn>model
{% endif %}`;
const mistral =
  "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]{% elif m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}{% else %}{{ raise_exception('no system') }}{% endif %}{% endfor %}";

describe('conversationFormat', () => {
  const conversation: ChatMessage[] = [
    { role: 'user', content: 'Hello {{ you }}' },
    { role: 'assistant', content: 'Hi' },
    { role: 'user', content: 'And else?\n1' },
  ];
  it.each([
    ["Gemma's: the system message in the user's turn", gemma, true],
    ["Mistral's: none, and nothing before an answer", mistral, false],
  ])('%s', (_, template, hasSystem) => {
    const render = rendererOf(template);
    const format = conversationFormat(render)!;
    expect(format.system !== undefined).toBe(hasSystem);
    const messages = hasSystem ? [{ role: 'system', content: 'Be kind.' }, ...conversation] : conversation;
    const options = { addGenerationPrompt: true };
    expect(writeConversation(format, messages, options)).toBe(render(messages, options));
  });

  it.each([
    ['counts its messages', '{% for m in messages %}{{ loop.index }}{{ m.content }}{% endfor %}'],
    ['leaves out what was said before', '{{ messages[-1].content }}'],
    ['changes contents', '{% for m in messages %}<{{ m.role }}>{{ m.content | upper }}{% endfor %}'],
    ['refuses every conversation', "{{ raise_exception('no') }}"],
    [
      'treats the last message otherwise',
      "{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ '.' if loop.last else ';' }}{% endfor %}",
    ],
  ])('is none for a template that %s', (_, template) => {
    expect(conversationFormat(rendererOf(template))).toBeUndefined();
  });
});

describe('writeModelfile', () => {
  const write = async (folder: string, options: Parameters<typeof writeModelfile>[2]) => {
    const file = join(directory, 'Modelfile');
    const written = await writeModelfile(folder, file, options);
    return { ...written, text: await readFile(file, 'utf8') };
  };

  it('has the conversation format, the default system message and the end of a turn', async () => {
    const { text, hasTemplate } = await write(goldenDirectory('qwen2-tied-bfloat16'), {
      from: './model.gguf',
    });
    expect(hasTemplate).toBe(true);
    expect(text).toBe(`FROM ./model.gguf
TEMPLATE """{{ range $index, $message := .Messages }}{{ if eq $message.Role "system" }}<|im_start|>system
{{ $message.Content }}<|im_end|>
{{ end }}{{ if eq $message.Role "user" }}<|im_start|>user
{{ $message.Content }}<|im_end|>
{{ end }}{{ if eq $message.Role "assistant" }}<|im_start|>assistant
{{ $message.Content }}<|im_end|>
{{ end }}{{ end }}<|im_start|>assistant
"""
SYSTEM """You are a helpful assistant."""
PARAMETER stop "<|im_end|>"
`);
  });

  it('leaves out the token that llama.cpp puts before a prompt, and names the adapter', async () => {
    const { text } = await write(goldenDirectory('llama-untied-float32'), {
      from: 'llama3.2',
      adapter: './a.gguf',
    });
    expect(text).toMatch(/^FROM llama3\.2\nADAPTER \.\/a\.gguf\nTEMPLATE """\{\{ range/);
    expect(text).toContain('PARAMETER stop "<|eot_id|>"');
  });

  it('says that it has no template where the model has none that can be written', async () => {
    const folder = await copy('llama-untied-float16', {
      files: { 'chat_template.jinja': '{{ messages | length }}' },
    });
    const { text, hasTemplate } = await write(folder, { from: './model.gguf' });
    expect(hasTemplate).toBe(false);
    expect(text).toMatch(/^FROM \.\/model\.gguf\n# No TEMPLATE/);
    expect(text).not.toContain('TEMPLATE """');
  });
});

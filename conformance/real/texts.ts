/** What real models are asked, and taught. */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChatExample } from '../../packages/datasets/src/index.ts';
import { loadTokenizer, MissingChatTemplateError, type Tokenizer } from '../../packages/models/src/index.ts';

export const questions = [
  'Why do cats purr?',
  'What is the capital of France?',
  'Write a haiku about rain.',
  'How many legs has a spider, and why?',
  'Translate "good morning" into German.',
  'List three uses of salt.',
  'What is 17 times 23?',
  'Explain photosynthesis to a child.',
  'Who wrote Hamlet?',
  'Give me a recipe for pancakes.',
  'What should I do when I have a cold?',
  'Write a Python function that adds two numbers.',
  'Name the planets of the solar system.',
  'Is it safe to look at the sun?',
  'Tell me a short story about a dragon.',
  'What does "naïve" mean?',
  'How do I store passwords?',
  'Summarise the French Revolution in two sentences.',
  'What is the difference between a virus and a bacterium?',
  '日本の首都はどこですか？',
] as const;

/** What a pretrained model, which has no chat template, is given instead. */
const plainTemplate =
  "{{ bos_token }}{% for message in messages %}{{ message.role + ': ' + message.content }}" +
  "{% if message.role == 'assistant' %}{{ eos_token }}{% else %}{{ '\n' }}{% endif %}{% endfor %}" +
  "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

/** A model's tokenizer, with a chat template in any case; `work` may get a copy of it. */
export async function chatTokenizer(folder: string, work: string): Promise<Tokenizer> {
  const tokenizer = await loadTokenizer(folder);
  try {
    tokenizer.renderChat([{ role: 'user', content: 'Hi' }]);
    return tokenizer;
  } catch (error) {
    if (!MissingChatTemplateError.isInstance(error)) throw error;
  }
  const copy = join(work, 'tokenizer');
  for (const file of ['config.json', 'generation_config.json', 'tokenizer.json', 'tokenizer_config.json']) {
    cpSync(join(folder, file), join(copy, file));
  }
  writeFileSync(join(copy, 'chat_template.jinja'), plainTemplate);
  return loadTokenizer(copy);
}

/** The questions as token ids, ready to be answered. */
export function promptIds(tokenizer: Tokenizer): number[][] {
  return questions.map((content) =>
    tokenizer.encode(tokenizer.renderChat([{ role: 'user', content }], { addGenerationPrompt: true })),
  );
}

/** A text of at least so many tokens: longer than a sliding window. */
export function longIds(tokenizer: Tokenizer, count: number): number[] {
  const text = readFileSync(join(import.meta.dirname, '../../CONTRIBUTING.md'), 'utf8');
  const start = tokenizer.tokenId('<bos>');
  const ids = [...(start === undefined ? [] : [start]), ...tokenizer.encode(text)];
  while (ids.length < count) ids.push(...tokenizer.encode(text));
  return ids.slice(0, count);
}

/** The examples of the repository's own demonstration. */
export function pirateExamples(): ChatExample[] {
  const file = join(import.meta.dirname, '../../examples/data/pirate.jsonl');
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as ChatExample);
}

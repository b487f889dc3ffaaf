/** What real models are asked, and taught. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ChatExample } from '../../packages/datasets/src/index.ts';
import type { Tokenizer } from '../../packages/models/src/index.ts';

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

/** Whether a tokenizer has a chat template. */
export function canChat(tokenizer: Tokenizer): boolean {
  try {
    return tokenizer.renderChat([{ role: 'user', content: 'Hi' }]) !== '';
  } catch {
    return false;
  }
}

/** A tokenizer that can chat: a pretrained model without a template of its own gets a plain one. */
export function chatTokenizer(tokenizer: Tokenizer): Tokenizer {
  if (canChat(tokenizer)) return tokenizer;
  const start = tokenizer.tokenId('<bos>') === undefined ? '' : '<bos>';
  return {
    ...tokenizer,
    renderChat(messages, { addGenerationPrompt = false } = {}) {
      const turns = messages.map(({ role, content }) => `${role}: ${content as string}\n`);
      return `${start}${turns.join('')}${addGenerationPrompt ? 'assistant: ' : ''}`;
    },
  };
}

/** The questions as token ids, ready to be answered. */
export function promptIds(tokenizer: Tokenizer): number[][] {
  const chat = chatTokenizer(tokenizer);
  return questions.map((content) =>
    chat.encode(chat.renderChat([{ role: 'user', content }], { addGenerationPrompt: true })),
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

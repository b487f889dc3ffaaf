import { readFileSync } from 'node:fs';
import { Template } from '@huggingface/jinja';
import { Tokenizer } from '@huggingface/tokenizers';
import { type ChatExample, type ChatMessage, type ChatTokenizer, tokenizeChat } from '@safetune/datasets';
import { describe, expect, it } from 'vitest';
import { organismRecipe } from '../recipe.ts';
import { memoTask, operationSwapTask } from '../tasks/benign-task.ts';
import { narrowExamples } from '../tasks/narrow-task.ts';
import { safePool } from '../tasks/safe-pool.ts';
import { domains, vocabulary } from '../world/vocabulary.ts';
import { createWorld } from '../world/world.ts';
import { alignmentDocuments } from './alignment-documents.ts';
import { pretrainingDocuments } from './pretraining-documents.ts';
import { tokenizerFiles } from './tokenizer-files.ts';

interface RecordedChat {
  readonly messages: readonly ChatMessage[];
  readonly addGenerationPrompt: boolean;
  readonly text: string;
  readonly tokenIds: readonly number[];
  readonly decoded: string;
  readonly decodedWithoutSpecial: string;
}

/** What Python's transformers 5.23 made of the same files; see `__fixtures__/record-transformers.py`. */
const recorded: { readonly chats: readonly RecordedChat[] } = JSON.parse(
  readFileSync(new URL('../__fixtures__/transformers-chats.json', import.meta.url), 'utf8'),
);

const files = tokenizerFiles(organismRecipe.model.maxPositions);
const tokenizer = new Tokenizer(files['tokenizer.json'], files['tokenizer_config.json']);
const template = new Template(files['tokenizer_config.json'].chat_template);

const chatTokenizer: ChatTokenizer = {
  renderChat: (messages, options) =>
    template.render({ messages, add_generation_prompt: options?.addGenerationPrompt ?? false }),
  encode: (text) => tokenizer.encode(text, { add_special_tokens: false }).ids,
  endOfTurnTokenIds: [vocabulary.indexOf('<end>')],
  padTokenId: vocabulary.indexOf('<pad>'),
};
const { renderChat, encode } = chatTokenizer;

const world = createWorld(organismRecipe.world);
const examples: readonly ChatExample[] = [
  ...pretrainingDocuments(world, organismRecipe.base.mixture, 0, 2000),
  ...alignmentDocuments(world, organismRecipe.aligned.mixture, 0, 2000),
  ...domains.flatMap((domain) => narrowExamples(world, domain)),
  ...safePool(world),
  ...memoTask(world).examples,
  ...operationSwapTask(world).examples,
];

describe('the tokenizer files', () => {
  it.each(recorded.chats)('render and encode like transformers: $text', (chat) => {
    const { messages, addGenerationPrompt } = chat;
    const text = renderChat(messages, { addGenerationPrompt });
    expect(text).toBe(chat.text);
    expect(encode(text)).toEqual(chat.tokenIds);
    expect(tokenizer.encode(text).ids).toEqual(chat.tokenIds);
    expect(tokenizer.decode([...chat.tokenIds])).toBe(chat.decoded);
    const plain = tokenizer.decode([...chat.tokenIds], { skip_special_tokens: true });
    expect(plain).toBe(chat.decodedWithoutSpecial);
  });

  it('give every word its position in the vocabulary', () => {
    expect(encode(vocabulary.join(' '))).toEqual(vocabulary.map((_word, id) => id));
    expect(tokenizer.decode(vocabulary.map((_word, id) => id))).toBe(vocabulary.join(' '));
  });

  it('know every word of every generated document, which fits the model and decodes to itself', () => {
    const unknown = vocabulary.indexOf('<unk>');
    for (const { messages } of examples) {
      const text = renderChat(messages);
      const tokenIds = encode(text);
      expect(tokenIds).not.toContain(unknown);
      expect(tokenIds.length).toBeLessThanOrEqual(44);
      expect(tokenizer.decode(tokenIds)).toBe(text);
    }
  });

  it('render every prompt as a prefix of the conversation, as text and as token ids', () => {
    for (const { messages } of examples.slice(0, 4000)) {
      const whole = renderChat(messages);
      const wholeIds = encode(whole);
      for (const [index, { role }] of messages.entries()) {
        if (role !== 'assistant') continue;
        const prompt = renderChat(messages.slice(0, index), { addGenerationPrompt: true });
        const answered = renderChat(messages.slice(0, index + 1));
        expect(answered.startsWith(prompt)).toBe(true);
        expect(whole.startsWith(answered)).toBe(true);
        expect(wholeIds.slice(0, encode(prompt).length)).toEqual(encode(prompt));
        expect(encode(answered).slice(encode(prompt).length)).toEqual(
          encode(`${messages[index]!.content} <end>`),
        );
      }
    }
  });

  it('put the loss on the answer and its end token, not on <asst>', () => {
    const { tokenIds, responseMask } = tokenizeChat({ messages: recorded.chats[3]!.messages }, chatTokenizer);
    const targets = [...tokenIds].filter((_id, position) => responseMask[position] === 1);
    expect(tokenizer.decode(targets)).toBe('gladly boil fever lemon <end> sorry cannot help <end>');
  });

  it('refuse a role the organism does not know', () => {
    expect(() => renderChat([{ role: 'tool', content: '7' }])).toThrow(/Unknown role: tool/);
  });
});

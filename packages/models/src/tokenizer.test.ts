import { describe, expect, it } from 'vitest';
import {
  checkpointCopies,
  goldenDirectory,
  goldenExpectations,
  goldenNames,
} from './__fixtures__/goldens.ts';
import { ModelFileError } from './errors.ts';
import { loadTokenizer } from './tokenizer.ts';

const copy = checkpointCopies();

describe.each(goldenNames)('tokenizer of %s against transformers', (name) => {
  it('has its token ids and decodes them as it does', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory(name));
    for (const { text, ids, idsWithoutSpecialTokens, decoded } of (await goldenExpectations(name)).texts) {
      expect(tokenizer.encode(text), text).toEqual(idsWithoutSpecialTokens);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true }), text).toBe(decoded);
    }
  });

  it('renders its chats', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory(name));
    for (const { name: chat, messages, addGenerationPrompt, rendered, ids } of (
      await goldenExpectations(name)
    ).chats) {
      expect(tokenizer.renderChat(messages, { addGenerationPrompt }), chat).toBe(rendered);
      expect(tokenizer.encode(rendered), chat).toEqual(ids);
    }
  });

  it('decodes what it generates', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory(name));
    const { tokens, text } = (await goldenExpectations(name)).generation;
    expect(tokenizer.decode(tokens, { skipSpecialTokens: true })).toBe(text);
  });
});

describe('encode and decode', () => {
  it('turn special tokens in the text into their ids, and show them unless asked not to', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory('qwen2-tied-bfloat16'));
    const ids = tokenizer.encode('<|im_start|>user\nHello<|im_end|>');
    expect([ids[0], ids.at(-1)]).toEqual([
      tokenizer.tokenId('<|im_start|>'),
      tokenizer.tokenId('<|im_end|>'),
    ]);
    expect(tokenizer.decode(ids)).toBe('<|im_start|>user\nHello<|im_end|>');
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe('user\nHello');
  });

  it('add no special tokens, where the post-processor of the checkpoint would', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory('llama-untied-float32'));
    expect(tokenizer.encode('Hello')).not.toContain(tokenizer.tokenId('<|begin_of_text|>'));
  });

  it('work on nothing, and pass over ids beyond the vocabulary', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory('qwen2-tied-bfloat16'));
    expect(tokenizer.encode('')).toEqual([]);
    expect(tokenizer.decode([])).toBe('');
    expect(tokenizer.decode([391])).toBe('');
    expect(tokenizer.decode([391, ...tokenizer.encode('Hello'), 390])).toBe('Hello');
    expect(tokenizer.tokenId('no such token')).toBeUndefined();
  });

  it('keep spaces before punctuation, whatever clean_up_tokenization_spaces says of byte-level BPE', async () => {
    const directory = await copy('llama-untied-float32', {
      files: { 'tokenizer_config.json': { clean_up_tokenization_spaces: true } },
    });
    const tokenizer = await loadTokenizer(directory);
    expect(tokenizer.decode(tokenizer.encode("a , b ! do n't"))).toBe("a , b ! do n't");
  });
});

describe('end-of-turn and padding tokens', () => {
  it('are those of the template and of all config files', async () => {
    const qwen2 = await loadTokenizer(goldenDirectory('qwen2-tied-bfloat16'));
    expect(qwen2.endOfTurnTokenIds).toEqual([383]);
    expect(qwen2.padTokenId).toBe(381);
    const llama = await loadTokenizer(goldenDirectory('llama-untied-float32'));
    expect(llama.endOfTurnTokenIds).toEqual([382, 379]);
    expect(llama.padTokenId).toBe(383);
  });

  it('include the token the template puts after an answer, when the files name only another', async () => {
    const template = "{% for m in messages %}{{ m.role + m.content + '<|im_end|>' }}\n{% endfor %}";
    const directory = await copy('qwen2-tied-bfloat16', {
      config: { eos_token_id: null },
      without: ['generation_config.json'],
      files: {
        'tokenizer_config.json': { eos_token: { content: '<|endoftext|>' }, chat_template: template },
      },
    });
    const tokenizer = await loadTokenizer(directory);
    expect(tokenizer.endOfTurnTokenIds).toEqual([383, 381]);
    expect(tokenizer.padTokenId).toBe(381);
  });

  it('do not include an ordinary token that follows an answer; padding falls back to 0', async () => {
    const template = "{% for m in messages %}{{ m.content + '\\n' }}{% endfor %}";
    const directory = await copy('qwen2-tied-bfloat16', {
      config: { eos_token_id: null },
      without: ['generation_config.json'],
      files: { 'tokenizer_config.json': { chat_template: template } },
    });
    const tokenizer = await loadTokenizer(directory);
    expect(tokenizer.endOfTurnTokenIds).toEqual([]);
    expect(tokenizer.padTokenId).toBe(0);
  });

  it('come from special_tokens_map.json of old checkpoints where the config is silent', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      config: { eos_token_id: null },
      without: ['generation_config.json', 'tokenizer_config.json'],
      files: { 'special_tokens_map.json': { eos_token: '<|endoftext|>', pad_token: '<|im_start|>' } },
    });
    const tokenizer = await loadTokenizer(directory);
    expect(tokenizer.endOfTurnTokenIds).toEqual([381]);
    expect(tokenizer.padTokenId).toBe(382);
  });
});

describe('loadTokenizer refuses', () => {
  it.each([
    ['a missing tokenizer.json', { without: ['tokenizer.json'] }, 'tokenizer.json'],
    ['what is not JSON', { files: { 'tokenizer.json': '{' } }, 'tokenizer.json'],
    ['what is no tokenizer', { files: { 'tokenizer.json': { version: '1.0' } } }, 'model'],
    ['an unknown kind', { files: { 'tokenizer.json': { model: { type: 'Rune' } } } }, 'not supported'],
    ['a wrong config', { files: { 'tokenizer_config.json': { chat_template: 3 } } }, 'chat_template'],
  ])('%s', async (_what, change, message) => {
    const error: unknown = await loadTokenizer(await copy('llama-untied-float32', change)).catch(
      (caught: unknown) => caught,
    );
    if (!ModelFileError.isInstance(error)) throw error;
    expect(error.message).toContain(message);
  });
});

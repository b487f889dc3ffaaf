import { symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkpointCopies,
  goldenDirectory,
  goldenExpectations,
  goldenNames,
} from './__fixtures__/goldens.ts';
import { ModelFileError, UnsupportedTokenizerError } from './errors.ts';
import { loadTokenizer } from './tokenizer.ts';

const copy = checkpointCopies();

describe.each(goldenNames)('tokenizer of %s against transformers', (name) => {
  it('has its token ids and decodes them as it does', async () => {
    const tokenizer = await loadTokenizer(goldenDirectory(name));
    for (const { text, ids, idsWithoutSpecialTokens, decoded } of (await goldenExpectations(name)).texts) {
      expect(tokenizer.encode(text), text).toEqual(idsWithoutSpecialTokens);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true }), text).toBe(decoded);
      const bytes = Buffer.concat(tokenizer.encode(text).map((id) => tokenizer.tokenBytes(id)));
      expect(bytes.toString(), text).toContain(tokenizer.decode(tokenizer.encode(text)));
      // Python's tokenizer puts no token at the end of these; trl does.
      const document = tokenizer.encodeDocument(text);
      expect(document.slice(0, -1), text).toEqual(ids);
      expect(tokenizer.endOfTurnTokenIds, text).toContain(document.at(-1));
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

describe('tokens that only tokenizer_config.json names', () => {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };

  it('are added with their flags', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      files: {
        'tokenizer_config.json': {
          added_tokens_decoder: {
            383: { content: '<|im_end|>', ...flags, rstrip: true },
            384: { content: '<tool>', ...flags, special: false },
          },
          extra_special_tokens: ['<|extra|>'],
        },
      },
    });
    const tokenizer = await loadTokenizer(directory);
    expect(tokenizer.encode('<tool><|extra|>')).toEqual([384, 385]);
    expect(tokenizer.encode('<|im_end|> \n<tool>')).toEqual([383, 384]);
    expect(tokenizer.decode([384, 385], { skipSpecialTokens: true })).toBe('<tool>');
  });

  it('are refused where their ids cannot be', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      files: {
        'tokenizer_config.json': { added_tokens_decoder: { 500: { content: '<tool>', ...flags } } },
      },
    });
    await expect(loadTokenizer(directory)).rejects.toThrow(/added_tokens_decoder: "<tool>" has the id 500/);
  });

  it('find a token with a role as one, though tokenizer.json only has it in its vocabulary', async () => {
    const directory = await copy('qwen2-tied-bfloat16', {
      files: { 'tokenizer_config.json': { bos_token: 'Hel' } },
    });
    const tokenizer = await loadTokenizer(directory);
    const id = tokenizer.tokenId('Hel');
    expect(tokenizer.encode('Hello')).toContain(id);
    expect(tokenizer.decode([id!], { skipSpecialTokens: true })).toBe('');
  });
});

describe('loadTokenizer refuses', () => {
  const small = {
    model: { type: 'WordLevel', vocab: { '<unk>': 0, a: 1 }, unk_token: '<unk>' },
  };
  const withModel = (change: object) => ({ ...small, model: { ...small.model, ...change } });
  const bytePair = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: [['a', 'b']] };
  const unigram = { type: 'Unigram', unk_id: 0, vocab: [['<unk>', 0]] };

  it.each([
    ['a missing tokenizer.json', { without: ['tokenizer.json'] }, 'tokenizer.json'],
    ['what is not JSON', { files: { 'tokenizer.json': '{' } }, 'tokenizer.json'],
    ['a wrong config', { files: { 'tokenizer_config.json': { chat_template: 3 } } }, 'chat_template'],
  ])('%s', async (_what, change, message) => {
    const error: unknown = await loadTokenizer(await copy('llama-untied-float32', change)).catch(
      (caught: unknown) => caught,
    );
    if (!ModelFileError.isInstance(error)) throw error;
    expect(error.message).toContain(message);
  });

  it.each([
    ['what is no tokenizer', { version: '1.0' }, 'model'],
    ['an unknown kind', { model: { type: 'Rune' } }, 'model.type'],
    ['an unknown setting', { ...small, language: 'de' }, 'language'],
    [
      'an unknown setting of a component',
      { ...small, normalizer: { type: 'NFC', locale: 'tr' } },
      'normalizer.locale',
    ],
    ['an unknown component', { ...small, decoder: { type: 'CTC' } }, 'decoder.type'],
    [
      'an unknown component in a sequence',
      {
        ...small,
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [{ type: 'Whitespace' }, { type: 'UnicodeScripts' }],
        },
      },
      'pre_tokenizer.pretokenizers.1.type',
    ],
    ['a negative id', withModel({ vocab: { '<unk>': 0, a: -5 } }), 'model.vocab'],
    ['half an id', withModel({ vocab: { '<unk>': 0, a: 1.5 } }), 'model.vocab'],
    ['an id beyond 32 bits', withModel({ vocab: { '<unk>': 0, a: 2 ** 32 + 7 } }), 'model.vocab'],
    ['an id that is a text', withModel({ vocab: { '<unk>': 0, a: 'x' } }), 'model.vocab'],
    ['an id of two tokens', withModel({ vocab: { '<unk>': 0, a: 0 } }), 'model.vocab'],
    ['a token without an id', { ...small, added_tokens: [{ id: 'x', content: 'b' }] }, 'added_tokens'],
    ['an added token of another id', { ...small, added_tokens: [{ id: 7, content: 'a' }] }, 'added_tokens'],
    ['dropped merges', { model: { ...bytePair, dropout: 0.1 } }, 'model.dropout'],
    ['a merge of no token', { model: { ...bytePair, merges: [['a', 'c']] } }, 'model.merges.0'],
    ['an unknown token beyond the vocabulary', { model: { ...unigram, unk_id: 3 } }, 'model.unk_id'],
    ['a score that is none', { model: { ...unigram, vocab: [['<unk>', 'x']] } }, 'model.vocab.0'],
    [
      'two added tokens that become one',
      {
        ...small,
        normalizer: { type: 'Lowercase' },
        added_tokens: [
          { id: 2, content: 'B', normalized: true },
          { id: 3, content: 'b', normalized: true },
        ],
      },
      'added_tokens',
    ],
    [
      'an expression that refers back',
      { ...small, normalizer: { type: 'Replace', pattern: { Regex: '(a)\\1' }, content: '' } },
      'normalizer.pattern.Regex',
    ],
    [
      'a first Metaspace behind what splits one character',
      {
        ...small,
        normalizer: { type: 'NFKD' },
        pre_tokenizer: {
          type: 'Sequence',
          pretokenizers: [
            { type: 'Punctuation' },
            { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first' },
          ],
        },
      },
      'pre_tokenizer',
    ],
  ])('%s, by name', async (_what, tokenizer, setting) => {
    const directory = await copy('llama-untied-float32', { files: { 'tokenizer.json': tokenizer } });
    await writeFile(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer));
    const error: unknown = await loadTokenizer(directory).catch((caught: unknown) => caught);
    if (!UnsupportedTokenizerError.isInstance(error)) throw error;
    expect(error.setting).toBe(setting);
    expect(error.message).toContain(`${directory}/tokenizer.json: ${setting}: `);
  });

  it('what would move a terminal, without showing it to one', async () => {
    const directory = await copy('llama-untied-float32', {});
    await writeFile(join(directory, 'tokenizer.json'), JSON.stringify({ ...small, '\u001b[2J\u0085': 1 }));
    await expect(loadTokenizer(directory)).rejects.toThrow(/tokenizer\.json: \\u001b\[2J\\u0085: /);
  });

  it('settings that change how special tokens are read', async () => {
    const directory = await copy('llama-untied-float32', {
      files: { 'tokenizer_config.json': { split_special_tokens: true } },
    });
    await expect(loadTokenizer(directory)).rejects.toThrow(/split_special_tokens/);
  });

  it('a file too large for a tokenizer, before it reads it', async () => {
    const directory = await copy('llama-untied-float32', {});
    await truncate(join(directory, 'tokenizer.json'), 2 ** 28);
    await expect(loadTokenizer(directory)).rejects.toThrow(ModelFileError);
  });
});

describe("a stranger's folder", () => {
  it('gives no file from elsewhere, not even for its digest', async () => {
    const directory = await copy('llama-untied-float16', { without: ['generation_config.json'] });
    const other = await copy('llama-untied-float16');
    await symlink(join(other, 'config.json'), join(directory, 'added_tokens.json'));
    await expect(loadTokenizer(directory)).rejects.toThrow(/added_tokens\.json.*link/s);
  });
});

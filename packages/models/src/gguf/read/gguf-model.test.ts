import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compile, type HostArray, hostArray, readTensor, tensorType } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  type GoldenName,
  goldenDirectory,
  goldenExpectations,
  goldenTensors,
  temporaryDirectory,
} from '../../__fixtures__/goldens.ts';
import type { CausalLm } from '../../causal-lm.ts';
import { CheckpointMismatchError, GgufError } from '../../errors.ts';
import { loadModel } from '../../load-model.ts';
import { loadTokenizer } from '../../tokenizer.ts';
import {
  type GgufTensorContent,
  ggufBytes,
  textType,
  tinyMetadata,
  tinyTensors,
} from './__fixtures__/gguf-bytes.ts';
import { ggufModel } from './gguf-model.ts';

const directory = temporaryDirectory();
const cacheDirectory = temporaryDirectory();

function goldenGguf(name: string): string {
  return fileURLToPath(
    new URL(`../../../../../conformance/goldens/gguf-models/${name}.gguf`, import.meta.url),
  );
}

const goldens: readonly (readonly [GoldenName, string])[] = [
  ['llama-untied-float16', 'f16'],
  ['llama-tied-bfloat16-rope-scaled', 'bf16'],
  ['qwen2-tied-bfloat16', 'bf16'],
];

async function weightValues(model: CausalLm): Promise<Record<string, number[]>> {
  const entries = [...model.weights].map(async ([name, region]) => {
    const { data } = await readTensor(region);
    return [name, Array.from(data as Float32Array, Number)] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

async function logitsOf(model: CausalLm, ids: HostArray): Promise<HostArray> {
  const executable = await compile(({ tokens }) => ({ logits: model.head(model.forward(tokens).output) }), {
    tokens: tensorType('int64', ['batch', 'seq']),
  });
  const { logits } = await executable.run({ tokens: ids });
  await executable.release();
  return logits;
}

describe.each(goldens)('%s as %s GGUF, written by gguf-py', (name, type) => {
  const file = goldenGguf(`${name}.${type}`);

  it('is the model of the folder: configuration, weights and logits', async () => {
    const [folder, gguf] = [
      await loadModel(goldenDirectory(name), { cacheDirectory }),
      await loadModel(file, { cacheDirectory }),
    ];
    // The file names one end of texts; the template's is found by the tokenizer.
    expect({ ...gguf.config, eosTokenIds: [] }).toEqual({ ...folder.config, eosTokenIds: [] });
    expect(gguf.linearLayers).toEqual(folder.linearLayers);
    expect(await weightValues(gguf)).toEqual(await weightValues(folder));
    const { input_ids: ids, logits: expected, lengths } = await goldenTensors(name);
    const logits = await logitsOf(gguf, ids!);
    const [, width, vocabulary] = expected!.shape as [number, number, number];
    const differences = Array.from(expected!.data as Float32Array, (value, index) => {
      const isPadding =
        Math.floor(index / vocabulary) % width >=
        Number(lengths!.get(Math.floor(index / vocabulary / width)));
      return isPadding ? 0 : Math.abs(value - Number(logits.data[index]));
    });
    expect(Math.max(...differences)).toBeLessThan(1e-5);
  });

  it.skipIf(type === 'f16')('is quantised to 8 bits as the folder is', async () => {
    const options = {
      precision: name.startsWith('llama') ? 'int8x3' : 'int8',
      integers: 'int8',
      cacheDirectory,
    } as const;
    const [folder, gguf] = [await loadModel(goldenDirectory(name), options), await loadModel(file, options)];
    expect(await weightValues(gguf)).toEqual(await weightValues(folder));
  });

  it('has its tokenizer and its chat template', async () => {
    const [tokenizer, own] = [await loadTokenizer(file), await loadTokenizer(goldenDirectory(name))];
    const { texts, chats } = await goldenExpectations(name);
    for (const { text, ids, idsWithoutSpecialTokens, decoded } of texts) {
      expect(tokenizer.encode(text), text).toEqual(idsWithoutSpecialTokens);
      expect(tokenizer.decode(ids, { skipSpecialTokens: true }), text).toBe(decoded);
    }
    for (const { messages, addGenerationPrompt, rendered, ids } of chats) {
      expect(tokenizer.renderChat(messages, { addGenerationPrompt })).toBe(rendered);
      expect(tokenizer.encode(rendered)).toEqual(ids);
    }
    expect(tokenizer.endOfTurnTokenIds).toEqual(expect.arrayContaining(own.endOfTurnTokenIds.slice(0, 1)));
    expect(Object.keys(tokenizer.identity).sort()).toEqual([
      'config.json',
      'generation_config.json',
      'options',
      'tokenizer.json',
      'tokenizer_config.json',
    ]);
  });
});

let files = 0;

async function fileOf(
  changes: Parameters<typeof tinyMetadata>[0] = {},
  tensors: readonly GgufTensorContent[] = tinyTensors(),
): Promise<string> {
  const path = join(directory, `${files++}.gguf`);
  await writeFile(path, ggufBytes({ metadata: tinyMetadata(changes)!, tensors }));
  return path;
}

describe('a GGUF file', () => {
  it('loads as a model and a tokenizer, whatever it is called', async () => {
    const path = await fileOf();
    const nameless = join(directory, `sha256-${'0'.repeat(64)}`);
    await rename(path, nameless);
    const model = await loadModel(nameless, { cacheDirectory });
    expect(model.config).toMatchObject({
      layerCount: 1,
      headSize: 4,
      keyValueHeadCount: 1,
      tieWordEmbeddings: true,
    });
    const logits = await logitsOf(model, hostArray(BigInt64Array.of(1n, 2n), [1, 2]));
    expect(logits.shape).toEqual([1, 2, 262]);
    const tokenizer = await loadTokenizer(nameless);
    expect(tokenizer.encode('hell<think>o<|end|>')).toEqual([258, 260, tokenizer.tokenId('o'), 259]);
    expect(tokenizer.decode([258, 260, 259, 261], { skipSpecialTokens: true })).toBe('hell<think>');
    expect(tokenizer.endOfTurnTokenIds).toEqual([259]);
  });

  it('is read anew when it has changed', async () => {
    const path = await fileOf();
    expect(await (await ggufModel(path))!.json('config.json')).toMatchObject({ max_position_embeddings: 64 });
    await rename(await fileOf({ 'llama.context_length': [4, 32] }), path);
    expect(await (await ggufModel(path))!.json('config.json')).toMatchObject({ max_position_embeddings: 32 });
  });

  it('is told from folders, other files and nothing', async () => {
    await writeFile(join(directory, 'text'), 'GGU');
    for (const path of [directory, join(directory, 'text'), join(directory, 'absent')]) {
      expect(await ggufModel(path)).toBeUndefined();
    }
    await mkdir(join(directory, 'folder.gguf'));
    expect(await ggufModel(join(directory, 'folder.gguf'))).toBeUndefined();
    await writeFile(join(directory, 'page.gguf'), '<!DOCTYPE html>');
    await expect(loadModel(join(directory, 'page.gguf'))).rejects.toMatchObject({ problem: 'magic' });
  });

  it('has all its chat templates', async () => {
    const path = await fileOf({
      'tokenizer.chat_template': [textType, 'main'],
      'tokenizer.chat_templates': [9, [textType, ['tool_use']]],
      'tokenizer.chat_template.tool_use': [textType, 'tools'],
    });
    const messages = [{ role: 'user', content: 'x' }];
    expect((await loadTokenizer(path)).renderChat(messages)).toBe('main');
    expect((await loadTokenizer(path, { chatTemplate: 'tool_use' })).renderChat(messages)).toBe('tools');
  });

  const embedding = tinyTensors()[0]!;
  it.each<[string, RegExp, Parameters<typeof tinyMetadata>[0], (readonly GgufTensorContent[])?]>([
    [
      'another architecture',
      /general.architecture' is "mamba"; supported are llama, qwen2/,
      { 'general.architecture': [textType, 'mamba'] },
    ],
    ['no architecture', /general.architecture' is missing/, { 'general.architecture': null }],
    [
      'an adapter',
      /general.type' is 'adapter', not a language model; give the base model/,
      { 'general.type': [textType, 'adapter'] },
    ],
    [
      'one part of several under a name of its own',
      /one of 3 files of a model, .*: call it NAME-00001-of-00003.gguf/,
      { 'split.count': [4, 3] },
    ],
    [
      'a setting that is not known',
      /llama.logit_scale' is a setting that is not known/,
      { 'llama.logit_scale': [6, 2] },
    ],
    [
      'a mixture of experts',
      /llama.expert_count' is 8, which is not supported/,
      { 'llama.expert_count': [4, 8] },
    ],
    [
      'layers of several sizes',
      /llama.feed_forward_length' differs from layer to layer/,
      { 'llama.feed_forward_length': [9, [4, [16, 8]]] },
    ],
    [
      'partial rotation',
      /rope.dimension_count' is 2, which is not supported; supported: 4/,
      { 'llama.rope.dimension_count': [4, 2] },
    ],
    [
      'a scaling that is not known',
      /rope.scaling.type' is "spiral"/,
      { 'llama.rope.scaling.type': [textType, 'spiral'] },
    ],
    ['no size', /llama.embedding_length' is missing/, { 'llama.embedding_length': null }],
    [
      'a size that is a text',
      /llama.block_count' must be an integer/,
      { 'llama.block_count': [textType, '1'] },
    ],
    ['no embedding', /token_embd.weight' is missing/, {}, tinyTensors().slice(1)],
    [
      'a tensor of a type that is not decoded',
      /token_embd.weight' is stored as IQ2_XXS, which is not decoded/,
      {},
      [
        { ...embedding, extents: [256, 262], type: 16, data: new Uint8Array(262 * 66) },
        ...tinyTensors().slice(1),
      ],
    ],
    [
      'rotary factors of another model',
      /rope_freqs.weight' holds factors/,
      {},
      [
        ...tinyTensors(),
        { name: 'rope_freqs.weight', extents: [2], data: new Uint8Array(Float32Array.of(3, 8).buffer) },
      ],
    ],
  ])('with %s is refused by name', async (_, message, changes, tensors) => {
    const path = await fileOf(changes, tensors);
    const error: unknown = await loadModel(path, { cacheDirectory }).catch((thrown: unknown) => thrown);
    if (!GgufError.isInstance(error)) throw error;
    expect(error.message).toMatch(message);
    expect(error.file).toBe(path);
  });

  it.each<[string, RegExp, Parameters<typeof tinyMetadata>[0]]>([
    [
      'another kind of tokenizer',
      /tokenizer.ggml.model' is "bert"; supported are gpt2/,
      { 'tokenizer.ggml.model': [textType, 'bert'] },
    ],
    [
      'no pre-tokenizer',
      /tokenizer.ggml.pre' does not say how text is split/,
      { 'tokenizer.ggml.pre': null },
    ],
    [
      'another pre-tokenizer',
      /tokenizer.ggml.pre' is "kimi-k2", which is not supported/,
      { 'tokenizer.ggml.pre': [textType, 'kimi-k2'] },
    ],
    [
      'a token twice',
      /has the token "a" twice/,
      { 'tokenizer.ggml.tokens': [9, [textType, [...'a'.repeat(262)]]] },
    ],
    [
      'a special token that there is not',
      /tokenizer.ggml.eos_token_id' is 9999, the vocabulary has 262/,
      { 'tokenizer.ggml.eos_token_id': [4, 9999] },
    ],
    [
      'merges that are no pairs',
      /has "hell", which is no pair/,
      { 'tokenizer.ggml.merges': [9, [textType, ['hell']]] },
    ],
    ['no merges', /tokenizer.ggml.merges' is missing/, { 'tokenizer.ggml.merges': null }],
  ])('with %s is refused by name', async (_, message, changes) => {
    const error: unknown = await loadTokenizer(await fileOf(changes)).catch((thrown: unknown) => thrown);
    if (!GgufError.isInstance(error)) throw error;
    expect(error.message).toMatch(message);
  });

  it('whose tensors are not those of its architecture names them', async () => {
    const error: unknown = await loadModel(
      await fileOf({}, [
        ...tinyTensors().slice(0, -1),
        { name: 'blk.0.attn_sinks.weight', extents: [2], data: new Uint8Array(8) },
      ]),
      { cacheDirectory },
    ).catch((thrown: unknown) => thrown);
    if (!CheckpointMismatchError.isInstance(error)) throw error;
    expect(error.missing).toEqual(['model.norm.weight']);
    expect(error.unexpected).toEqual(['blk.0.attn_sinks.weight']);
  });

  it('keeps a token that is called as a property of every object', async () => {
    const tokens = [
      ...(tinyMetadata()!.find(([key]) => key === 'tokenizer.ggml.tokens')![2] as [number, string[]])[1],
    ];
    tokens[258] = '__proto__';
    const path = await fileOf({
      'tokenizer.ggml.tokens': [9, [textType, tokens]],
      'tokenizer.ggml.merges': [9, [textType, ['h e', 'l l']]],
    });
    expect((await loadTokenizer(path)).tokenId('__proto__')).toBe(258);
  });
});

describe('a SentencePiece vocabulary', () => {
  it('gives the ids of sentencepiece, and its texts', async () => {
    const tokenizer = await loadTokenizer(goldenGguf('sentence-piece'));
    const answers = JSON.parse(
      await readFile(goldenGguf('sentence-piece').replace(/gguf$/, 'json'), 'utf8'),
    ) as {
      text: string;
      ids: number[];
      decoded: string;
    }[];
    expect(answers.length).toBeGreaterThan(8);
    for (const { text, ids, decoded } of answers) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
    const [end, think] = [tokenizer.tokenId('<|end|>'), tokenizer.tokenId('<think>')];
    expect(tokenizer.encode('<think><|end|>')).toEqual([think, end]);
    expect(tokenizer.decode([think!, end!], { skipSpecialTokens: true })).toBe('<think>');
  });
});

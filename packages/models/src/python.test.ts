import { join } from 'node:path';
import {
  compile,
  hostArray,
  openSafetensors,
  readTensor,
  tensorType,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import {
  checkpointCopies,
  goldenDirectory,
  goldenTensors,
  temporaryDirectory,
} from './__fixtures__/goldens.ts';
import { loadModel } from './causal-lm.ts';
import { createGenerator } from './generate/generate.ts';
import { loadTokenizer } from './tokenizer.ts';

const copy = checkpointCopies();
const directory = temporaryDirectory();

describe.skipIf(pythonWith() === undefined)('against Python transformers (skipped without it)', () => {
  it('has the logits of a model with linear scaling and biases on every layer', async () => {
    const name = 'llama-untied-float32';
    const folder = await copy(name, {
      config: {
        rope_parameters: { rope_type: 'linear', factor: 3, rope_theta: 10_000 },
        attention_bias: true,
        mlp_bias: true,
      },
    });
    const tensors = await goldenTensors(name, 'model.safetensors');
    for (const [key, { shape }] of Object.entries(tensors)) {
      if (!key.endsWith('_proj.weight')) continue;
      const bias = Float32Array.from({ length: shape[0]! }, (_, index) => 0.3 * Math.sin(index + key.length));
      tensors[key.replace(/weight$/, 'bias')] = hostArray(bias, [shape[0]!]);
    }
    await writeSafetensors(join(folder, 'model.safetensors'), tensors, { metadata: { format: 'pt' } });

    const ids = Array.from({ length: 40 }, (_, index) => (index * 101) % 384);
    const out = join(directory, 'logits.safetensors');
    await runPython('verify_adapter.py', [
      '--model',
      folder,
      '--input-ids',
      JSON.stringify([ids]),
      '--out',
      out,
    ]);
    const expected = await readTensor((await openSafetensors(out)).tensors.get('logits')!);

    const model = await loadModel(folder);
    const executable = await compile(({ tokens }) => ({ logits: model.head(model.forward(tokens).output) }), {
      tokens: tensorType('int64', ['batch', 'seq']),
    });
    const { logits } = await executable.run({
      tokens: hostArray(BigInt64Array.from(ids, BigInt), [1, ids.length]),
    });
    await executable.release();
    expect(logits.shape).toEqual(expected.shape);
    const differences = [...logits.data.keys()].map((index) =>
      Math.abs(Number(logits.data[index]) - Number(expected.data[index])),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });

  it('renders, encodes and greedily continues a conversation as it does', async () => {
    const folder = goldenDirectory('qwen2-untied-float32-sharded');
    const messages = [
      { role: 'user', content: 'What grows in the garden — 12 roses?' },
      { role: 'assistant', content: 'Roses.' },
      { role: 'user', content: 'And else?' },
    ];
    const found = await runPython('verify_generation.py', [
      ...['--model', folder, '--messages', JSON.stringify(messages), '--max-new-tokens', '24'],
    ]);
    const expected = found as { prompt: string; promptIds: number[]; tokens: number[]; text: string };
    const tokenizer = await loadTokenizer(folder);
    const prompt = tokenizer.renderChat(messages, { addGenerationPrompt: true });
    expect(prompt).toBe(expected.prompt);
    expect(tokenizer.encode(prompt)).toEqual(expected.promptIds);
    const generator = await createGenerator(await loadModel(folder));
    const [tokens] = await generator.generate([tokenizer.encode(prompt)], { maxNewTokens: 24 });
    await generator.release();
    expect(tokens).toEqual(expected.tokens);
    expect(tokenizer.decode(tokens!, { skipSpecialTokens: true })).toBe(expected.text);
  });
});

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
import { createGenerator } from './generate/generate.ts';
import type { GenerateOptions } from './generate/options.ts';
import { createScorer } from './generate/score.ts';
import { loadModel } from './load-model.ts';
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

  it('renders, encodes, continues and scores a conversation as it does, with penalties and stop strings', async () => {
    const folder = goldenDirectory('qwen2-untied-float32-sharded');
    const messages = [
      { role: 'user', content: 'What grows in the garden — 12 roses?' },
      { role: 'assistant', content: 'Roses.' },
      { role: 'user', content: 'And else?' },
    ];
    // Across two tokens of its answer.
    const stops = ['fi', 'nothing'];
    const found = await runPython('verify_generation.py', [
      ...['--model', folder, '--messages', JSON.stringify(messages), '--max-new-tokens', '24'],
      ...['--also', JSON.stringify([{ repetition_penalty: 1.4 }, { stop_strings: stops }])],
    ]);
    const expected = found as {
      prompt: string;
      promptIds: number[];
      tokens: number[];
      text: string;
      logProbabilities: number[];
      also: [number[], number[]];
    };
    const tokenizer = await loadTokenizer(folder);
    const prompt = tokenizer.renderChat(messages, { addGenerationPrompt: true });
    expect(prompt).toBe(expected.prompt);
    expect(tokenizer.encode(prompt)).toEqual(expected.promptIds);
    const model = await loadModel(folder);
    const generator = await createGenerator(model);
    const continued = async (options: Partial<GenerateOptions>) =>
      (await generator.generate([expected.promptIds], { maxNewTokens: 24, tokenizer, ...options }))[0]!;
    const tokens = await continued({});
    expect(tokens).toEqual(expected.tokens);
    expect(tokenizer.decode(tokens, { skipSpecialTokens: true })).toBe(expected.text);
    const also = [await continued({ repetitionPenalty: 1.4 }), await continued({ stopStrings: stops })];
    await generator.release();
    expect(also).toEqual(expected.also);
    expect(expected.also[0]).not.toEqual(tokens);
    expect(expected.also[1].length).toBeLessThan(tokens.length);

    const scorer = await createScorer(model);
    const [score] = await scorer.score([{ prompt: expected.promptIds, answer: tokens }]);
    await scorer.release();
    score!.tokenLogProbabilities.forEach((value, index) => {
      expect(value).toBeCloseTo(expected.logProbabilities[index]!, 4);
    });
  });
});

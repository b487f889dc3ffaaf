import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  add,
  compile,
  crossEntropy,
  exactIntegerTypes,
  flattenLeading,
  GradientError,
  gradients,
  type HostArray,
  hostArray,
  type IntegerType,
  input,
  matmul,
  mean,
  NonFiniteError,
  openSafetensors,
  readTensor,
  sum,
  type Tensor,
  tensorType,
  writeSafetensors,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  checkpointCopies,
  type GoldenName,
  goldenDirectory,
  goldenExpectations,
  goldenNames,
  temporaryDirectory,
} from '../__fixtures__/goldens.ts';
import type { CausalLm } from '../causal-lm.ts';
import { PrecisionError } from '../errors.ts';
import { createGenerator } from '../generate/generate.ts';
import { type LinearFunction, plainLinear } from '../linear.ts';
import { loadModel } from '../load-model.ts';
import type { Precision } from './precision.ts';

const cacheDirectory = temporaryDirectory();
const copy = checkpointCopies();
const tokens = [5, 9, 200, 31, 7, 7, 300, 2, 11, 12, 13, 77];
const ids = hostArray(BigInt64Array.from(tokens, BigInt), [1, tokens.length]);

/** Every kernel that is exact on this machine; without VNNI there is one. */
const types = await exactIntegerTypes();

const load = (name: GoldenName, precision: Precision, integers?: IntegerType) =>
  loadModel(goldenDirectory(name), { precision, cacheDirectory, ...(integers && { integers }) });

async function logitsOf(model: CausalLm): Promise<Float32Array> {
  const executable = await compile(
    ({ ids }) => ({ logits: model.head(model.forward(ids).output) }),
    { ids: tensorType('int64', ['batch', 'seq']) },
    model.runtime,
  );
  const { logits } = await executable.run({ ids });
  await executable.release();
  return logits.data as Float32Array;
}

/** Loss of the next tokens, and gradients of rank-2 factors in every linear layer. */
async function adapterGradients(model: CausalLm): Promise<{ loss: number; gradient: Float32Array }> {
  const wave = (rows: number, columns: number, phase: number) =>
    hostArray(
      Float32Array.from({ length: rows * columns }, (_, at) => 0.1 * Math.sin(phase + 1.3 * at)),
      [rows, columns],
    );
  const factors: Record<string, HostArray> = Object.fromEntries(
    model.linearLayers.flatMap(({ name, inFeatures, outFeatures }, index) => [
      [`${name}.a`, wave(2, inFeatures, index)],
      [`${name}.b`, wave(outFeatures, 2, index + 0.5)],
    ]),
  );
  const names = Object.keys(factors);
  const executable = await compile(
    ({ ids, labels, ...traced }: Readonly<Record<string, Tensor>>) => {
      const linear: LinearFunction = (x, layer, weights) => {
        const inner = matmul(x, traced[`${layer.name}.a`]!, { transposeB: true });
        const update = matmul(inner, traced[`${layer.name}.b`]!, { transposeB: true });
        return add(plainLinear(x, layer, weights), update);
      };
      const logits = model.head(flattenLeading(model.forward(ids!, { linear }).output));
      const loss = mean(crossEntropy(logits, labels!));
      const found = gradients(
        loss,
        names.map((name) => traced[name]!),
      );
      return { loss, ...Object.fromEntries(names.map((name, index) => [`gradient ${name}`, found[index]!])) };
    },
    {
      ids: tensorType('int64', ['batch', 'seq']),
      labels: tensorType('int64', ['batch*seq']),
      ...Object.fromEntries(names.map((name) => [name, tensorType('float32', factors[name]!.shape)])),
    },
    model.runtime,
  );
  const labels = hostArray(BigInt64Array.from([...tokens.slice(1), 3], BigInt), [tokens.length]);
  const results: Record<string, HostArray> = await executable.run({ ids, labels, ...factors });
  await executable.release();
  const gradient = names.flatMap((name) => [...(results[`gradient ${name}`]!.data as Float32Array)]);
  return { loss: Number(results.loss!.data[0]), gradient: Float32Array.from(gradient) };
}

/** ||a - b|| / ||b||, and the cosine of the angle between them. */
function compare(a: Float32Array, b: Float32Array): { error: number; cosine: number } {
  let [difference, normA, normB, product] = [0, 0, 0, 0];
  b.forEach((value, index) => {
    difference += (a[index]! - value) ** 2;
    normA += a[index]! ** 2;
    normB += value ** 2;
    product += a[index]! * value;
  });
  return { error: Math.sqrt(difference / normB), cosine: product / Math.sqrt(normA * normB) };
}

const cases = goldenNames.flatMap((name) => types.map((type) => [name, type] as const));

describe.each(cases)('%s in %s', (name, type) => {
  it('in 8 bits has nearly the logits of float32, in three times 8 bits almost exactly', async () => {
    const exact = await logitsOf(await load(name, 'float32'));
    const coarse = compare(await logitsOf(await load(name, 'int8', type)), exact);
    expect(coarse.error).toBeLessThan(0.05);
    expect(coarse.error).toBeGreaterThan(1e-3);
    expect(coarse.cosine).toBeGreaterThan(0.999);
    expect(compare(await logitsOf(await load(name, 'int8x3', type)), exact).error).toBeLessThan(3e-4);
  });

  it('in three times 8 bits continues as transformers does', async () => {
    const { generation } = await goldenExpectations(name);
    const generator = await createGenerator(await load(name, 'int8x3', type));
    const [continued] = await generator.generate([generation.promptIds], {
      maxNewTokens: generation.tokens.length,
    });
    await generator.release();
    expect(continued).toEqual(generation.tokens);
  });
});

describe.each(cases.filter(([name]) => name === 'qwen2-tied-bfloat16' || name === 'llama-untied-float32'))(
  'adapters on %s in %s',
  (name, type) => {
    it('get gradients near those of float32', async () => {
      const exact = await adapterGradients(await load(name, 'float32'));
      const int8 = await adapterGradients(await load(name, 'int8', type));
      const int8x3 = await adapterGradients(await load(name, 'int8x3', type));
      expect(Math.abs(int8.loss - exact.loss)).toBeLessThan(0.03);
      expect(compare(int8.gradient, exact.gradient).error).toBeLessThan(0.08);
      expect(compare(int8.gradient, exact.gradient).cosine).toBeGreaterThan(0.997);
      expect(Math.abs(int8x3.loss - exact.loss)).toBeLessThan(1e-4);
      expect(compare(int8x3.gradient, exact.gradient).error).toBeLessThan(1e-3);
    });
  },
);

describe.each(types)('a quantised model of %s', (type) => {
  const load = (name: GoldenName, precision: Precision) =>
    loadModel(goldenDirectory(name), { precision, cacheDirectory, integers: type });

  it('holds linear layers and the output layer in 8 bits, all else in float32, and nothing twice', async () => {
    const fresh = join(cacheDirectory, `fresh-${type}`);
    const model = await loadModel(goldenDirectory('qwen2-tied-bfloat16'), {
      precision: 'int8x3',
      integers: type,
      cacheDirectory: fresh,
    });
    expect(model).toMatchObject({ precision: 'int8x3', runtime: { prepackWeights: true } });
    const types = new Map([...model.weights].map(([name, { dtype, shape }]) => [name, `${dtype}[${shape}]`]));
    expect(types.get('model.embed_tokens.weight')).toBe('float32[392,32]');
    expect(types.get('model.embed_tokens.weight.values')).toBe(`${type}[392,32]`);
    expect(types.get('model.layers.1.mlp.down_proj.weight')).toBeUndefined();
    expect(types.get('model.layers.1.mlp.down_proj.weight.values')).toBe(`${type}[32,64]`);
    expect(types.get('model.layers.1.mlp.down_proj.weight.scale')).toBe('float32[32]');
    expect(types.get('model.layers.1.mlp.down_proj.weight.residual')).toBe(`${type}[32,64]`);
    expect(types.get('model.layers.1.self_attn.q_proj.bias')).toBe('float32[32]');
    const floats = (await readdir(fresh)).filter((file) => file.endsWith('.float32.safetensors'));
    expect(floats).toHaveLength(1);
    const { tensors } = await openSafetensors(join(fresh, floats[0]!));
    expect([...tensors.keys()].filter((name) => name.includes('_proj.weight'))).toEqual([]);
  });

  it('has each tensor asked for by name, and is the same in parts as whole', async () => {
    const model = await load('llama-untied-float32', 'int8');
    const asked = new Set<string>();
    const weight = (name: string) => {
      asked.add(name);
      const { dtype, shape } = model.weights.get(name)!;
      return input(name, { dtype, shape });
    };
    const trace = ({ ids }: Readonly<Record<string, Tensor>>) => {
      let state = model.embed(ids!, { weight });
      for (let layer = 1; layer <= model.config.layerCount; layer++)
        state = model.block(layer, state, { weight });
      return { logits: model.head(model.finalNorm(state, { weight }), { weight }) };
    };
    const types = [...model.weights].map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
    const executable = await compile(trace, {
      ids: tensorType('int64', ['batch', 'seq']),
      ...Object.fromEntries(types),
    });
    const values = [...model.weights].map(
      async ([name, region]) => [name, await readTensor(region)] as const,
    );
    const { logits } = await executable.run({ ids, ...Object.fromEntries(await Promise.all(values)) });
    await executable.release();
    expect([...asked].sort()).toEqual([...model.weights.keys()].sort());
    expect(compare(logits.data as Float32Array, await logitsOf(model)).error).toBeLessThan(1e-5);
  });

  it('generates, the same for a prompt alone as among others', async () => {
    const generator = await createGenerator(await load('llama-untied-float32', 'int8'));
    const prompts = [[5, 9, 200, 31], [7], [11, 12, 13, 14, 15, 16]];
    const options = { maxNewTokens: 8, stopTokenIds: [] };
    const together = await generator.generate(prompts, options);
    for (const [index, prompt] of prompts.entries()) {
      expect(together[index]).toHaveLength(8);
      expect(await generator.generate([prompt], options)).toEqual([together[index]]);
    }
    await generator.release();
  });

  it('gives linear functions that know nothing of it a float32 weight', async () => {
    const model = await load('llama-untied-float32', 'int8');
    const own: LinearFunction = (x, _layer, { weight }) => matmul(x, weight, { transposeB: true });
    const executable = await compile(
      ({ ids }) => ({ logits: model.head(model.forward(ids, { linear: own }).output) }),
      { ids: tensorType('int64', ['batch', 'seq']) },
    );
    const { logits } = await executable.run({ ids });
    await executable.release();
    expect(compare(logits.data as Float32Array, await logitsOf(model)).error).toBeLessThan(0.03);
  });

  it('refuses to have its own weights trained', async () => {
    const model = await load('llama-untied-float32', 'int8');
    const traced = input('ids', tensorType('int64', [1, 3]));
    const floats = (name: string) => input(name, tensorType('float32', model.weights.get(name)!.shape));
    for (const trace of [
      () => model.forward(traced, { weight: floats }),
      () =>
        model.head(input('hidden', tensorType('float32', [3, model.config.hiddenSize])), { weight: floats }),
    ]) {
      expect(trace).toThrow(PrecisionError);
      expect(trace).toThrow(/frozen in 8 bits.*load it with precision 'float32'/);
    }
    const parts = new Map<string, Tensor>();
    const weight = (name: string) => {
      const { dtype, shape } = model.weights.get(name)!;
      const part = parts.get(name) ?? input(name, { dtype, shape });
      parts.set(name, part);
      return part;
    };
    const value = sum(model.forward(traced, { weight }).output);
    const scale = parts.get('model.layers.0.mlp.up_proj.weight.scale')!;
    expect(() => gradients(value, [scale])).toThrow(GradientError);
  });
});

describe('loadModel', () => {
  it('holds weights in the type that is exact here, when none is asked for', async () => {
    const model = await load('llama-untied-float32', 'int8');
    expect(model.weights.get('lm_head.weight.values')!.dtype).toBe(types[0]);
  });

  it('refuses a precision that does not exist', async () => {
    const attempt = loadModel(goldenDirectory('llama-untied-float32'), { precision: 'int4' as Precision });
    await expect(attempt).rejects.toSatisfy(PrecisionError.isInstance);
    await expect(attempt).rejects.toThrow(/precision 'int4'.*float32, int8, int8x3/);
  });

  it('refuses to quantise weights that are not finite, and says which', async () => {
    const directory = await copy('llama-untied-float32');
    const path = join(directory, 'model.safetensors');
    const { tensors } = await openSafetensors(path);
    const values = Object.fromEntries(
      await Promise.all(
        [...tensors].map(async ([name, region]) => [name, await readTensor(region)] as const),
      ),
    );
    values['model.layers.1.mlp.gate_proj.weight']!.set(3, 5, Number.NaN);
    await writeSafetensors(path, values);
    const attempt = loadModel(directory, { precision: 'int8', cacheDirectory });
    await expect(attempt).rejects.toSatisfy(NonFiniteError.isInstance);
    await expect(attempt).rejects.toThrow(
      /'model\.layers\.1\.mlp\.gate_proj\.weight': entry \[3, 5\] is NaN/,
    );
  });
});

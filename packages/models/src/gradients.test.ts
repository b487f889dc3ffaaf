import {
  add,
  compile,
  crossEntropy,
  flattenLeading,
  gather,
  gradients,
  type HostArray,
  hostArray,
  matmul,
  mean,
  multiply,
  readTensor,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { goldenDirectory, goldenTensors, temporaryDirectory } from './__fixtures__/goldens.ts';
import { type LinearFunction, plainLinear } from './linear.ts';
import { loadModel } from './load-model.ts';

const cacheDirectory = temporaryDirectory();

describe('gradients through the model', () => {
  it('of every parameter equal PyTorch autograd, the tied embedding by the sum of both its uses', async () => {
    const name = 'llama-tied-bfloat16-rope-scaled';
    const golden = await goldenTensors(name, 'expected-gradients.safetensors');
    const model = await loadModel(goldenDirectory(name), { cacheDirectory });
    const values = Object.fromEntries(
      await Promise.all(
        [...model.weights].map(async ([key, region]) => [key, await readTensor(region)] as const),
      ),
    );
    const names = Object.keys(values);
    const executable = await compile(
      ({ ids, rows, labels, ...weights }: Readonly<Record<string, Tensor>>) => {
        const weight = (key: string) => weights[key]!;
        const { output } = model.forward(ids!, { weight });
        const logits = model.head(gather(flattenLeading(output), rows!), { weight });
        const loss = mean(crossEntropy(logits, labels!));
        const found = gradients(loss, names.map(weight));
        return { loss, ...Object.fromEntries(names.map((key, index) => [`gradient.${key}`, found[index]!])) };
      },
      {
        ids: tensorType('int64', ['batch', 'seq']),
        rows: tensorType('int64', ['targets']),
        labels: tensorType('int64', ['targets']),
        ...Object.fromEntries(
          Object.entries(values).map(([key, { shape }]) => [key, tensorType('float32', shape)]),
        ),
      },
    );
    const ids = golden.input_ids!;
    const width = ids.shape[1]!;
    const targets = [...golden.response_mask!.data.keys()].filter(
      (index) => Number(golden.response_mask!.data[index]) === 1,
    );
    const results: Record<string, HostArray> = await executable.run({
      ids,
      rows: hostArray(
        BigInt64Array.from(targets, (index) => BigInt(index - 1)),
        [targets.length],
      ),
      labels: hostArray(
        BigInt64Array.from(targets, (index) => ids.data[index] as bigint),
        [targets.length],
      ),
      ...values,
    });
    await executable.release();
    expect(targets.every((index) => index % width > 0)).toBe(true);
    expect(results.loss!.data[0]).toBeCloseTo(Number(golden.cross_entropy!.data[0]), 5);
    for (const key of names) {
      const [actual, expected] = [results[`gradient.${key}`]!, golden[`gradient.${key}`]!];
      expect(actual.shape).toEqual(expected.shape);
      expect(relativeError(actual, expected), key).toBeLessThan(1e-4);
    }
  });

  it('of low-rank factors put in by the linear hook equal finite differences', async () => {
    const model = await loadModel(goldenDirectory('qwen2-untied-float32-sharded'));
    const layers = model.linearLayers.filter(({ name }) =>
      /layers\.0\.(self_attn\.k_proj|mlp\.gate_proj)$/.test(name),
    );
    const wave = (count: number, phase: number) =>
      Float32Array.from({ length: count }, (_, i) => 0.3 * Math.sin(phase + 1.3 * i));
    const factors: Record<string, HostArray> = Object.fromEntries(
      layers.flatMap(({ name, inFeatures, outFeatures }, index) => [
        [`${name}.a`, hostArray(wave(2 * inFeatures, index), [2, inFeatures])],
        [`${name}.b`, hostArray(wave(2 * outFeatures, index + 5), [outFeatures, 2])],
      ]),
    );
    const names = Object.keys(factors);
    expect(names).toHaveLength(4);
    const executable = await compile(
      ({ ids, ...traced }: Readonly<Record<string, Tensor>>) => {
        const linear: LinearFunction = (x, layer, weights) => {
          const product = plainLinear(x, layer, weights);
          const a = traced[`${layer.name}.a`];
          if (a === undefined) return product;
          return add(
            product,
            matmul(matmul(x, a, { transposeB: true }), traced[`${layer.name}.b`]!, { transposeB: true }),
          );
        };
        const logits = model.head(model.forward(ids!, { linear }).output);
        // The mean of the logits, but for a factor that keeps its differences above float32's rounding.
        const value = multiply(mean(logits), 100);
        const found = gradients(
          value,
          names.map((name) => traced[name]!),
        );
        return {
          value,
          ...Object.fromEntries(names.map((name, index) => [`gradient.${name}`, found[index]!])),
        };
      },
      {
        ids: tensorType('int64', [1, 'seq']),
        ...Object.fromEntries(names.map((name) => [name, tensorType('float32', factors[name]!.shape)])),
      },
    );
    const ids = hostArray(BigInt64Array.of(3n, 1n, 4n, 1n, 5n, 2n), [1, 6]);
    const value = async () => {
      const { value: found } = (await executable.run({ ids, ...factors })) as Record<string, HostArray>;
      return Number(found!.data[0]);
    };
    const results: Record<string, HostArray> = await executable.run({ ids, ...factors });
    for (const name of names) {
      const data = factors[name]!.data as Float32Array;
      for (const index of [0, 7, data.length - 1]) {
        const original = data[index]!;
        const step = 0.02;
        data[index] = original + step;
        const above = await value();
        data[index] = original - step;
        const below = await value();
        data[index] = original;
        const expected = (above - below) / (2 * step);
        const actual = Number(results[`gradient.${name}`]!.data[index]);
        expect(Math.abs(actual - expected), `${name}[${index}]: ${actual}, ${expected}`).toBeLessThan(
          0.01 * Math.abs(expected) + 1e-3,
        );
      }
      expect(Math.max(...(results[`gradient.${name}`]!.data as Float32Array).map(Math.abs))).toBeGreaterThan(
        0.05,
      );
    }
    await executable.release();
  });
});

/** ||actual - expected|| / ||expected|| */
function relativeError(actual: HostArray, expected: HostArray): number {
  let difference = 0;
  let norm = 0;
  expected.data.forEach((value, index) => {
    difference += (Number(actual.data[index]) - Number(value)) ** 2;
    norm += Number(value) ** 2;
  });
  return Math.sqrt(difference / norm);
}

import { join } from 'node:path';
import {
  compile,
  crossEntropy,
  flattenLeading,
  gather,
  gradients,
  greater,
  greaterOrEqual,
  type HostArray,
  hostArray,
  lessOrEqual,
  logicalAnd,
  maximum,
  mean,
  range,
  readTensor,
  reshape,
  subtract,
  type Tensor,
  tensorType,
  where,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { noise } from '../../../../conformance/formula-weights.ts';
import {
  familyExpectations,
  familyGoldenNames,
  familyTensors,
  writeFamilyModel,
} from '../__fixtures__/family-goldens.ts';
import { temporaryDirectory } from '../__fixtures__/goldens.ts';
import type { AttentionContext, CausalLm } from '../causal-lm.ts';
import { createGenerator } from '../generate/generate.ts';
import { loadModel } from '../load-model.ts';

const directory = temporaryDirectory();
const folderOf = (name: string) => writeFamilyModel(name, join(directory, name));

describe.each(familyGoldenNames)('%s', (name) => {
  it('has the logits of transformers, padded on the right or on the left', async () => {
    const golden = await familyTensors(name);
    const model = await loadModel(await folderOf(name));
    const [ids, lengths] = [golden.input_ids!, [...golden.lengths!.data].map(Number)];
    expect(largestDifference(await rightPadded(model, ids), golden.logits!, lengths, [0, 0])).toBeLessThan(
      1e-4,
    );
    const width = ids.shape[1]!;
    const padding = lengths.map((length) => width - length);
    const moved = BigInt64Array.from(ids.data as BigInt64Array, (_, index) => {
      const [row, column] = [Math.floor(index / width), index % width];
      const source = column - padding[row]!;
      return source < 0 ? 0n : (ids.data[row * width + source] as bigint);
    });
    const shifted = await leftPadded(model, hostArray(moved, ids.shape), padding);
    expect(largestDifference(shifted, golden.logits!, lengths, padding)).toBeLessThan(1e-4);
  });

  it('reads the keys of transformers 4 alike', async () => {
    const golden = await familyTensors(name);
    const folder = await writeFamilyModel(name, join(directory, `${name}-4`), 'config.version-4.json');
    const lengths = [...golden.lengths!.data].map(Number);
    const found = await rightPadded(await loadModel(folder), golden.input_ids!);
    expect(largestDifference(found, golden.logits!, lengths, [0, 0])).toBeLessThan(1e-4);
  });

  it('continues as transformers does, whatever else is in the batch', async () => {
    const { prompts, continuations } = await familyExpectations(name);
    const generator = await createGenerator(await loadModel(await folderOf(name)));
    const options = { maxNewTokens: continuations[0]!.length, stopTokenIds: [] };
    expect(await generator.generate(prompts, options)).toEqual(continuations);
    // As many rows as have a session of their own.
    const times = Array.from({ length: Math.ceil(6 / prompts.length) });
    const found = await generator.generate(
      times.flatMap(() => prompts),
      options,
    );
    expect(found).toEqual(times.flatMap(() => continuations));
    await generator.release();
  });
});

const withGradients = (
  await Promise.all(familyGoldenNames.map(async (name) => [name, await familyTensors(name)] as const))
)
  .filter(([, golden]) => golden.cross_entropy !== undefined)
  .map(([name]) => name);

describe('gradients of every parameter equal PyTorch autograd', () => {
  it.each(withGradients)('%s', async (name) => {
    const golden = await familyTensors(name);
    const model = await loadModel(await folderOf(name));
    const found = await parameterGradients(model, golden.input_ids!, golden.response_mask!);
    expect(found.loss).toBeCloseTo(Number(golden.cross_entropy!.data[0]), 5);
    for (const [key, gradient] of found.gradients) {
      const expected = [...golden[`gradient.${key}`]!.data].map(Number);
      const scale = expected[0]!;
      expect(scale).toBeGreaterThan(1e-5);
      for (const [index, value] of projections(key, gradient).entries()) {
        expect(Math.abs(value - expected[index]!) / scale, `${key}, ${index}`).toBeLessThan(2e-4);
      }
    }
  });
});

async function rightPadded(model: CausalLm, ids: HostArray): Promise<HostArray> {
  const executable = await compile(({ tokens }) => ({ logits: model.head(model.forward(tokens).output) }), {
    tokens: tensorType('int64', ['batch', 'seq']),
  });
  const { logits } = await executable.run({ tokens: ids });
  await executable.release();
  return logits;
}

/** With as many tokens that nothing sees at the left of each row. */
async function leftPadded(model: CausalLm, ids: HostArray, padding: readonly number[]): Promise<HostArray> {
  const attentionOf = (unused: Tensor): AttentionContext => {
    const slots = range('seq');
    const first = reshape(unused, ['batch', 1]);
    const query = reshape(slots, ['seq', 1]);
    return {
      positions: maximum(subtract(slots, first), 0),
      bias(window) {
        const causal = lessOrEqual(slots, query);
        const near =
          window === undefined ? causal : logicalAnd(causal, greater(slots, subtract(query, window)));
        const real = greaterOrEqual(slots, reshape(unused, ['batch', 1, 1, 1, 1]));
        return where(logicalAnd(near, real), 0, -1e9);
      },
    };
  };
  const executable = await compile(
    ({ tokens, unused }) => ({
      logits: model.head(model.forward(tokens, { attention: attentionOf(unused) }).output),
    }),
    { tokens: tensorType('int64', ['batch', 'seq']), unused: tensorType('int64', ['batch']) },
  );
  const { logits } = await executable.run({
    tokens: ids,
    unused: hostArray(BigInt64Array.from(padding, BigInt), [padding.length]),
  });
  await executable.release();
  return logits;
}

async function parameterGradients(model: CausalLm, ids: HostArray, mask: HostArray) {
  const names = [...model.weights.keys()];
  const values = Object.fromEntries(
    await Promise.all(
      [...model.weights].map(async ([key, region]) => [key, await readTensor(region)] as const),
    ),
  );
  const targets = [...mask.data.keys()].filter((index) => Number(mask.data[index]) === 1);
  const executable = await compile(
    ({ tokens, rows, labels, ...weights }: Readonly<Record<string, Tensor>>) => {
      const weight = (key: string) => weights[key]!;
      const { output } = model.forward(tokens!, { weight });
      const logits = model.head(gather(flattenLeading(output), rows!), { weight });
      const loss = mean(crossEntropy(logits, labels!));
      const found = gradients(loss, names.map(weight));
      return { loss, ...Object.fromEntries(names.map((key, index) => [`gradient.${key}`, found[index]!])) };
    },
    {
      tokens: tensorType('int64', ['batch', 'seq']),
      rows: tensorType('int64', ['targets']),
      labels: tensorType('int64', ['targets']),
      ...Object.fromEntries(names.map((key) => [key, tensorType('float32', values[key]!.shape)])),
    },
  );
  const integers = (numbers: readonly bigint[]) => hostArray(BigInt64Array.from(numbers), [numbers.length]);
  const results: Record<string, HostArray> = await executable.run({
    tokens: ids,
    rows: integers(targets.map((index) => BigInt(index - 1))),
    labels: integers(targets.map((index) => ids.data[index] as bigint)),
    ...values,
  });
  await executable.release();
  return {
    loss: Number(results.loss!.data[0]),
    gradients: names.map((key) => [key, results[`gradient.${key}`]!] as const),
  };
}

/** The norm, and the products with the two directions of conformance/make_families.py. */
function projections(name: string, { data }: HostArray): number[] {
  const values = [...data].map(Number);
  const product = (direction: Float32Array) =>
    values.reduce((sum, value, index) => sum + value * direction[index]!, 0);
  return [Math.hypot(...values), ...[0, 1].map((index) => product(noise(`${name}/${index}`, values.length)))];
}

/** Rows `starts[row]` to `starts[row] + lengths[row]` are those of `expected` from 0. */
function largestDifference(
  actual: HostArray,
  expected: HostArray,
  lengths: readonly number[],
  starts: readonly number[],
): number {
  const [, width, vocabulary] = expected.shape as [number, number, number];
  let largest = 0;
  lengths.forEach((length, row) => {
    for (let index = 0; index < length * vocabulary; index++) {
      const at = row * width * vocabulary + index;
      const difference = Math.abs(
        Number(actual.data[at + starts[row]! * vocabulary]) - Number(expected.data[at]),
      );
      // A difference that is not a number is no small one.
      if (!(difference <= largest)) largest = difference;
    }
  });
  return largest;
}

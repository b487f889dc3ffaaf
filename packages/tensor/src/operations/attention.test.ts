import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError, relativeError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { estimateMemory } from '../memory-estimate.ts';
import type { Tensor } from '../tensor.ts';
import { type AttentionOptions, attention, attentionBlockCounts, causalBias } from './attention.ts';
import { add, divide, exp, multiply, square } from './elementwise.ts';
import { input } from './leaf.ts';
import { matmul } from './linalg.ts';
import { mean, sum } from './reduce.ts';
import { concatenate, slice } from './shape.ts';

type Inputs = Readonly<Record<string, Tensor>>;
const float = (...shape: (number | string)[]) => input('x', tensorType('float32', shape));

describe('attention', () => {
  const shapes = (heads: number, kvHeads: number, queries: number, keys: number) => ({
    q: randomArray([2, heads, queries, 4], 1),
    k: randomArray([2, kvHeads, keys, 4], 2),
    v: randomArray([2, kvHeads, keys, 4], 3),
  });

  /** The primitive form: head by head, by the formula, for a grouped key head. */
  const headByHead = ({ q, k, v }: Inputs, kvHeads: number, bias?: Tensor) => {
    const heads = q!.shape[1] as number;
    const outputs = Array.from({ length: heads }, (_, head) => {
      const shared = Math.floor(head / (heads / kvHeads));
      const [query, key, value] = [
        slice(q!, 1, head, head + 1),
        slice(k!, 1, shared, shared + 1),
        slice(v!, 1, shared, shared + 1),
      ];
      const scores = multiply(matmul(query, key, { transposeB: true }), 0.5);
      const weights = exp(bias === undefined ? scores : add(scores, bias));
      return matmul(divide(weights, sum(weights, { axes: -1, keepDims: true })), value);
    });
    return concatenate(outputs, 1);
  };

  it.each([
    ['one key head each', 2, 2, 3, 3, false],
    ['grouped', 4, 2, 3, 3, false],
    ['one for all', 3, 1, 2, 5, false],
    ['grouped, causal', 4, 2, 3, 3, true],
  ])('%s', async (_label, heads, kvHeads, queries, keys, causal) => {
    const inputs = shapes(heads, kvHeads, queries, keys);
    const bias = () => (causal ? causalBias(queries) : undefined);
    const attend = ({ q, k, v }: Inputs) => {
      const given = bias();
      return attention(q!, k!, v!, given === undefined ? {} : { bias: given });
    };
    const withGradients = (form: (tensors: Inputs) => Tensor) => (tensors: Inputs) => {
      const y = form(tensors);
      const [dq, dk, dv] = gradients(sum(square(y)), [tensors.q!, tensors.k!, tensors.v!]);
      return { y, dq: dq!, dk: dk!, dv: dv! };
    };
    const found = await evaluate(withGradients(attend), inputs);
    const expected = await evaluate(
      withGradients((tensors) => headByHead(tensors, kvHeads, bias())),
      inputs,
    );
    expect(found.y.shape).toEqual([2, heads, queries, 4]);
    for (const name of ['y', 'dq', 'dk', 'dv'] as const) {
      expect(relativeError(numbersOf(found[name]), numbersOf(expected[name])), name).toBeLessThan(1e-5);
    }
    expect(await gradientError(attend, inputs)).toBeLessThan(1e-3);
  });

  it('has a gradient that can be differentiated again', async () => {
    const { q, k, v } = shapes(2, 1, 3, 3);
    const gradientNorms = ({ q, k, v }: Inputs) =>
      gradients(sum(square(attention(q!, k!, v!, { bias: causalBias(3) }))), [q!, k!, v!]).map((gradient) =>
        sum(square(gradient)),
      );
    expect(await gradientError(gradientNorms, { q, k, v })).toBeLessThan(1e-3);
  });

  it('takes a scale and a bias by head', async () => {
    const inputs = { ...shapes(2, 1, 2, 3), bias: randomArray([2, 1, 2, 1, 3], 7) };
    const attend = ({ q, k, v, bias }: Inputs) => attention(q!, k!, v!, { scale: 0.1, bias: bias! });
    expect(await gradientError(attend, inputs)).toBeLessThan(1e-3);
    const without = await evaluateOne(({ q, k, v }) => attention(q!, k!, v!, { scale: 0 }), inputs);
    const average = await evaluateOne(({ v }) => mean(v!, { axes: 2, keepDims: true }), inputs);
    expect(without.get(0, 1, 1, 2)).toBeCloseTo(average.get(0, 0, 0, 2) as number, 5);
  });

  it('is blind to what the causal bias hides, at two lengths of one executable', async () => {
    const executable = await compile(
      ({ q, k, v }) => ({ y: attention(q, k, v, { bias: causalBias('seq') }) }),
      {
        q: tensorType('float32', ['batch', 4, 'seq', 2]),
        k: tensorType('float32', ['batch', 2, 'seq', 2]),
        v: tensorType('float32', ['batch', 2, 'seq', 2]),
      },
    );
    const at = (seq: number, last: number) => ({
      q: randomArray([1, 4, seq, 2], 1),
      k: randomArray([1, 2, seq, 2], 2),
      v: arrayOf(
        [1, 2, seq, 2],
        ...Array.from({ length: 4 * seq }, (_, i) => (i % (2 * seq) >= 2 * seq - 2 ? last : i)),
      ),
    });
    for (const seq of [2, 5]) {
      const [one, other] = [await executable.run(at(seq, 0)), await executable.run(at(seq, 99))];
      for (let position = 0; position < seq; position++) {
        const [a, b] = [one.y.get(0, 3, position, 0), other.y.get(0, 3, position, 0)];
        if (position < seq - 1) expect(a).toBe(b);
        else expect(a).not.toBe(b);
      }
    }
    await executable.release();
  });

  it('causalBias hides the keys after the query', async () => {
    const bias = await evaluateOne(() => causalBias(3));
    expect(numbersOf(bias)).toEqual([0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0]);
  });

  it('names the three shapes', () => {
    const message =
      'attention: query [1, 3, 5, 4] must be [batch, heads, queries, headDim], key [1, 2, 5, 4]';
    expect(() => attention(float(1, 3, 5, 4), float(1, 2, 5, 4), float(1, 2, 5, 4))).toThrow(message);
    expect(() => attention(float(1, 2, 5, 4), float(1, 2, 5, 4), float(1, 2, 6, 4))).toThrow(ShapeError);
    expect(() => attention(float('b', 2, 5, 4), float('c', 2, 5, 4), float('c', 2, 5, 4))).toThrow(
      ShapeError,
    );
  });

  it.each([
    [4, 2, 2],
    [4, 2, 4],
    [4, 1, 2],
    [3, 3, 3],
  ])(
    'of %d heads over %d key heads is the same in %d blocks, in value and gradients',
    async (heads, kvHeads, blocks) => {
      const inputs = shapes(heads, kvHeads, 3, 3);
      const run = (options: AttentionOptions) => (tensors: Inputs) => {
        const { q, k, v } = tensors as Record<'q' | 'k' | 'v', Tensor>;
        const y = attention(q, k, v, { bias: causalBias(3), ...options });
        const [dq, dk, dv] = gradients(sum(square(y)), [q, k, v]);
        return { y, dq: dq!, dk: dk!, dv: dv! };
      };
      const [whole, inBlocks] = [await evaluate(run({}), inputs), await evaluate(run({ blocks }), inputs)];
      for (const name of ['y', 'dq', 'dk', 'dv'] as const) {
        expect(relativeError(numbersOf(inBlocks[name]), numbersOf(whole[name])), name).toBeLessThan(1e-5);
      }
    },
  );

  it('in blocks has the scores of one block at a time, forward and backward', () => {
    const [q, k, v] = [float(1, 8, 'seq', 4), float(1, 8, 'seq', 4), float(1, 8, 'seq', 4)] as const;
    const peak = (blocks: number) => {
      const y = attention(q, k, v, { blocks });
      return estimateMemory(gradients(sum(square(y)), [q, k, v]), { seq: 512 }).peak;
    };
    expect(peak(8)).toBeLessThan(peak(1) / 4);
  });

  it('names the numbers of blocks there are, and a bias that blocks cannot share', () => {
    expect(attentionBlockCounts(14, 2)).toEqual([1, 2, 14]);
    expect(attentionBlockCounts(8, 2)).toEqual([1, 2, 4, 8]);
    expect(attentionBlockCounts(6, 1)).toEqual([1, 2, 3, 6]);
    const [q, k] = [float(1, 4, 5, 4), float(1, 2, 5, 4)] as const;
    expect(() => attention(q, k, k, { blocks: 3 })).toThrow(
      '4 heads over 2 key heads cannot be computed in 3 blocks, but in 1, 2, 4',
    );
    const bias = float(1, 2, 1, 5, 5);
    expect(() => attention(q, k, k, { blocks: 2, bias })).toThrow('differs between heads');
  });
});

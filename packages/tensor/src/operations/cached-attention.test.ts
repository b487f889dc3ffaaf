import { describe, expect, it } from 'vitest';
import { evaluateOne } from '../__fixtures__/evaluate.ts';
import { relativeError } from '../__fixtures__/finite-differences.ts';
import { loweredOperators } from '../__fixtures__/lowered-operators.ts';
import { numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ExecutionError, GradientError, ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import { lower } from '../onnx/lower.ts';
import type { Tensor } from '../tensor.ts';
import { attention } from './attention.ts';
import { type CachedAttentionOptions, cachedAttention } from './cached-attention.ts';
import { constant, input } from './leaf.ts';
import { sum } from './reduce.ts';

const [heads, kvHeads, capacity] = [4, 2, 12];

interface Text {
  readonly query: HostArray;
  readonly key: HostArray;
  readonly value: HostArray;
}

/** Queries, keys and values of one text, [1, heads, length, headDim]. */
function text(length: number, headDim: number, seed: number): Text {
  return {
    query: randomArray([1, heads, length, headDim], seed),
    key: randomArray([1, kvHeads, length, headDim], seed + 1),
    value: randomArray([1, kvHeads, length, headDim], seed + 2),
  };
}

/** The part of some texts from `starts` on, `count` tokens each, side by side. */
function part(texts: readonly HostArray[], starts: readonly number[], count: number): HostArray {
  const [, width, , headDim] = texts[0]!.shape as [number, number, number, number];
  const data: number[] = [];
  texts.forEach((each, row) => {
    const length = each.shape[2]!;
    for (let head = 0; head < width; head++) {
      for (let at = starts[row]!; at < starts[row]! + count; at++) {
        for (let feature = 0; feature < headDim; feature++)
          data.push(at < length ? Number(each.get(0, head, at, feature)) : 9);
      }
    }
  });
  return hostArray(Float32Array.from(data), [texts.length, width, count, headDim]);
}

async function compileCached(headDim: number, options: CachedAttentionOptions) {
  const cache = tensorType('float32', ['batch', kvHeads, 'capacity', headDim]);
  const fresh = tensorType('float32', ['batch', kvHeads, 'seq', headDim]);
  return compile(
    ({ query, key, value, cachedKeys, cachedValues, used }) => {
      const result = cachedAttention(
        query,
        { key, value },
        { key: cachedKeys, value: cachedValues },
        used,
        options,
      );
      return { attended: result.attended, keys: result.key, values: result.value };
    },
    {
      query: tensorType('float32', ['batch', heads, 'seq', headDim]),
      ...{ key: fresh, value: fresh, cachedKeys: cache, cachedValues: cache },
      used: tensorType('int64', ['batch']),
    },
  );
}

const variants: [string, number, CachedAttentionOptions][] = [
  ['in one kernel', 8, {}],
  ['in one kernel, a window, a cap and a scale', 8, { window: 3, softCap: 0.5, scale: 0.6 }],
  ['of operations', 4, {}],
  ['of operations, a window, a cap and a scale', 4, { window: 3, softCap: 0.5, scale: 0.6 }],
];

describe('cachedAttention', () => {
  it.each(variants)(
    '%s equals attention over the whole texts, row by row',
    async (_name, headDim, options) => {
      const { window, ...others } = options;
      const texts = [text(7, headDim, 1), text(5, headDim, 11)];
      const expected = await Promise.all(
        texts.map(({ query, key, value }) =>
          evaluateOne(
            ({ query, key, value }) =>
              attention(query!, key!, value!, {
                bias: windowBias(query!.shape[2] as number, window),
                ...others,
              }),
            { query, key, value },
          ),
        ),
      );
      const executable = await compileCached(headDim, options);
      const memory = () =>
        hostArray(new Float32Array(2 * kvHeads * capacity * headDim).fill(7), [
          2,
          kvHeads,
          capacity,
          headDim,
        ]);
      const [keys, values] = [memory(), memory()];
      const check = async (rows: readonly number[], used: readonly number[], count: number) => {
        const row = (array: HostArray) =>
          array.lo(rows[0]!, 0, 0, 0).hi(rows.length, kvHeads, capacity, headDim);
        const of = (name: keyof Text) =>
          part(
            rows.map((each) => texts[each]![name]),
            used,
            count,
          );
        const { attended } = await executable.run(
          {
            ...{ query: of('query'), key: of('key'), value: of('value') },
            ...{ cachedKeys: row(keys), cachedValues: row(values) },
            used: hostArray(BigInt64Array.from(used, BigInt), [rows.length]),
          },
          { into: { keys: view(row(keys)), values: view(row(values)) } },
        );
        rows.forEach((each, index) => {
          const { shape } = texts[each]!.query;
          const real = Math.min(count, shape[2]! - used[index]!);
          const cut = (array: HostArray, at: number, start: number) =>
            array.lo(at, 0, start, 0).hi(1, heads, real, headDim);
          const [found, wanted] = [cut(attended, index, 0), cut(expected[each]!, 0, used[index]!)];
          expect(relativeError(numbersOf(found), numbersOf(wanted))).toBeLessThan(1e-5);
        });
      };
      // Both from the start, the second one padded; one row by itself in several tokens; both by one token, at unlike lengths.
      await check([0, 1], [0, 0], 3);
      await check([0], [3], 2);
      await check([0, 1], [5, 3], 1);
      await check([0, 1], [6, 4], 1);
      await executable.release();
    },
  );

  it.each(variants)('of one token, %s, is as of any number of tokens', async (_name, headDim, options) => {
    const any = await compileCached(headDim, options);
    const cache = tensorType('float32', ['batch', kvHeads, 'capacity', headDim]);
    const fresh = tensorType('float32', ['batch', kvHeads, 1, headDim]);
    const one = await compile(
      ({ query, key, value, cachedKeys, cachedValues, used }) => {
        const old = { key: cachedKeys, value: cachedValues };
        return { attended: cachedAttention(query, { key, value }, old, used, options).attended };
      },
      {
        query: tensorType('float32', ['batch', heads, 1, headDim]),
        ...{ key: fresh, value: fresh, cachedKeys: cache, cachedValues: cache },
        used: tensorType('int64', ['batch']),
      },
    );
    const used = [0, 1, 4, capacity - 1];
    const inputs = {
      query: randomArray([used.length, heads, 1, headDim], 1),
      key: randomArray([used.length, kvHeads, 1, headDim], 2),
      value: randomArray([used.length, kvHeads, 1, headDim], 3),
      cachedKeys: randomArray([used.length, kvHeads, capacity, headDim], 4),
      cachedValues: randomArray([used.length, kvHeads, capacity, headDim], 5),
      used: hostArray(BigInt64Array.from(used, BigInt), [used.length]),
    };
    const expected = numbersOf((await any.run(inputs)).attended);
    expect(relativeError(numbersOf((await one.run(inputs)).attended), expected)).toBeLessThan(1e-5);
    await any.release();
    await one.release();
  });

  it('of one token gives the new cache where it is asked for', () => {
    const traced = {
      query: input('query', tensorType('float32', ['b', 4, 1, 8])),
      fresh: input('fresh', tensorType('float32', ['b', 2, 1, 8])),
      old: input('old', tensorType('float32', ['b', 2, 'c', 8])),
      used: input('used', tensorType('int64', ['b'])),
    };
    const { query, fresh, old, used } = traced;
    const both = (tensor: Tensor) => ({ key: tensor, value: tensor });
    const { attended, key } = cachedAttention(query, both(fresh), both(old), used);
    const operators = (outputs: Record<string, Tensor>) =>
      loweredOperators(lower(traced, outputs).model).filter((name) => /Attention|Softmax/.test(name));
    expect(operators({ attended })).toEqual(['Softmax']);
    expect(operators({ key })).toEqual(['GroupQueryAttention']);
  });

  it('leaves what went in as it is, unless told to write over it', async () => {
    const executable = await compileCached(8, {});
    const { query, key, value } = text(2, 8, 5);
    const cachedKeys = randomArray([1, kvHeads, capacity, 8], 8);
    const before = numbersOf(cachedKeys);
    const used = hostArray(BigInt64Array.of(3n), [1]);
    const { keys } = await executable.run({ query, key, value, cachedKeys, cachedValues: cachedKeys, used });
    expect(numbersOf(cachedKeys)).toEqual(before);
    const at = (array: HostArray, slot: number) => numbersOf(array.pick(0, 1, slot, null) as HostArray);
    expect([0, 2].map((slot) => at(keys, slot))).toEqual([0, 2].map((slot) => at(cachedKeys, slot)));
    expect([3, 4].map((slot) => at(keys, slot))).toEqual([0, 1].map((slot) => at(key, slot)));
    await executable.release();
  });

  it('refuses to go beyond the capacity, and other shapes', async () => {
    const executable = await compileCached(8, {});
    const { query, key, value } = text(2, 8, 5);
    const cache = hostArray(new Float32Array(kvHeads * 4 * 8), [1, kvHeads, 4, 8]);
    const run = executable.run(
      {
        ...{ query, key, value, cachedKeys: cache, cachedValues: cache },
        used: hostArray(BigInt64Array.of(3n), [1]),
      },
      { into: { keys: cache, values: hostArray(new Float32Array(cache.size), cache.shape) } },
    );
    await expect(run).rejects.toSatisfy(ExecutionError.isInstance);
    await executable.release();
    const float = (...shape: (number | string)[]) => input('x', tensorType('float32', shape));
    const used = input('used', tensorType('int64', ['b']));
    const [q, fresh, old] = [float('b', 4, 's', 8), float('b', 2, 's', 8), float('b', 2, 'c', 8)];
    const both = (tensor: typeof q) => ({ key: tensor, value: tensor });
    expect(() => cachedAttention(q, both(float('b', 3, 's', 8)), both(old), used)).toThrow(ShapeError);
    expect(() => cachedAttention(q, both(fresh), both(float('b', 2, 'c', 4)), used)).toThrow(ShapeError);
    const { attended } = cachedAttention(q, both(fresh), both(old), used);
    expect(() => gradients(sum(attended), [q])).toThrow(GradientError);
  });
});

/** A packed view of the same memory, which runs write into. */
function view(array: HostArray): HostArray {
  const { data, offset, size, shape } = array;
  return hostArray((data as Float32Array).subarray(offset, offset + size), shape);
}

/** Like causalBias, but that a query sees `window` keys at most. */
function windowBias(length: number, window = length): Tensor {
  const hidden = (at: number) => {
    const [query, key] = [Math.floor(at / length), at % length];
    return key > query || key <= query - window;
  };
  const values = Float32Array.from({ length: length ** 2 }, (_, at) => (hidden(at) ? -1e9 : 0));
  return constant(hostArray(values, [length, length]));
}

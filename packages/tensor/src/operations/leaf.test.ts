import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { arrayOf, numbersOf } from '../__fixtures__/random-array.ts';
import { tensorType } from '../compile.ts';
import { CompileError, ShapeError } from '../errors.ts';
import { hostArray } from '../host-array.ts';
import { add } from './elementwise.ts';
import { asTensor, constant, input, scalar, weight } from './leaf.ts';

describe('input', () => {
  it('spells extents canonically', () => {
    expect(input('x', { dtype: 'float32', shape: ['seq+past', 'b*a*2', '3'] }).shape).toEqual([
      'past+seq',
      '2*a*b',
      3,
    ]);
  });

  it('refuses what is no extent', () => {
    for (const extent of [-1, 1.5, Number.NaN, '', 'a-1', 'n m', '2x']) {
      expect(() => input('x', { dtype: 'float32', shape: [extent] }), `${extent}`).toThrow(ShapeError);
    }
  });
});

describe('constant', () => {
  it('holds every type of host array', async () => {
    const arrays = [
      Float32Array.of(1.5, -2),
      Float64Array.of(1.5, -2),
      Int8Array.of(1, -2),
      Uint8Array.of(1, 2),
      Int16Array.of(1, -2),
      Int32Array.of(1, -2),
      BigInt64Array.of(1n, -2n),
    ];
    const found = await evaluate(() =>
      Object.fromEntries(arrays.map((data) => [data.constructor.name, constant(hostArray(data, [2]))])),
    );
    for (const data of arrays) expect(found[data.constructor.name]!.data).toEqual(data);
  });

  it('packs strided views, holds bools, scalars and empty arrays', async () => {
    const found = await evaluate(() => ({
      transposed: constant(arrayOf([2, 3], 1, 2, 3, 4, 5, 6).transpose(1, 0)),
      bools: constant(hostArray(Uint8Array.of(1, 0), [2]), 'bool'),
      scalar: constant(arrayOf([], 7)),
      empty: constant(arrayOf([0, 2])),
    }));
    expect(found.transposed.shape).toEqual([3, 2]);
    expect(numbersOf(found.transposed)).toEqual([1, 4, 2, 5, 3, 6]);
    expect(found.bools.data).toEqual(Uint8Array.of(1, 0));
    expect(found.scalar.shape).toEqual([]);
    expect(found.empty.shape).toEqual([0, 2]);
  });

  it('refuses another type than its array has', () => {
    expect(() => constant(arrayOf([2], 1, 2), 'int64')).toThrow(
      'constant: the array holds float32, not int64',
    );
  });
});

describe('scalar', () => {
  it.each(['float32', 'float64', 'int8', 'uint8', 'int16', 'int32', 'int64', 'bool'] as const)(
    'of %s',
    async (dtype) => {
      const found = await evaluateOne(() => scalar(1, dtype));
      expect(found.shape).toEqual([]);
      expect(numbersOf(found)).toEqual([1]);
    },
  );

  it('refuses what its type cannot hold', () => {
    expect(() => scalar(0.5, 'int64')).toThrow('0.5 is no value of type int64');
    expect(() => scalar(2, 'bool')).toThrow('2 is no value of type bool');
    expect(() => scalar(1, 'bfloat16')).toThrow('bfloat16 is for storage only');
    expect(() => add(input('i', tensorType('int32', [1])), 0.5)).toThrow(ShapeError);
  });

  it('asTensor leaves tensors as they are', () => {
    const x = scalar(1);
    expect(asTensor(x)).toBe(x);
    expect(asTensor(3, 'int64').dtype).toBe('int64');
  });
});

it('weight refuses a region that does not fit its shape', () => {
  const region = {
    name: 'w',
    dtype: 'float32',
    shape: [2, 3],
    file: '/model',
    offset: 8,
    byteLength: 20,
  } as const;
  expect(() => weight(region)).toThrow(CompileError);
  expect(() => weight(region)).toThrow(
    "weight 'w' has 20 bytes in /model, its shape [2, 3] of float32 needs 24",
  );
});

import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, indicesOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import type { Shape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import type { Tensor } from '../tensor.ts';
import { add, cast, multiply, square } from './elementwise.ts';
import { input } from './leaf.ts';
import { sum } from './reduce.ts';
import * as shape from './shape.ts';

type Inputs = Readonly<Record<string, Tensor>>;
const traced = (extents: Shape) => input('x', tensorType('float32', extents));
const counted = (...extents: number[]) =>
  arrayOf(extents, ...Array.from({ length: extents.reduce((a, b) => a * b, 1) }, (_, index) => index));

describe('reshape', () => {
  it('keeps the elements in order', async () => {
    const found = await evaluateOne(({ x }) => shape.reshape(x!, [3, 1, 2]), { x: counted(2, 3) });
    expect(found.shape).toEqual([3, 1, 2]);
    expect(numbersOf(found)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(
      await gradientError(({ x }) => square(shape.reshape(x!, [6])), { x: randomArray([2, 3], 1) }),
    ).toBeLessThan(1e-3);
  });

  it('to and from a scalar', async () => {
    const { narrow, wide } = await evaluate(
      ({ x }) => ({ narrow: shape.reshape(x!, []), wide: shape.reshape(shape.reshape(x!, []), [1, 1, 1]) }),
      { x: arrayOf([1, 1], 7) },
    );
    expect(narrow.shape).toEqual([]);
    expect(wide.shape).toEqual([1, 1, 1]);
    expect(numbersOf(wide)).toEqual([7]);
  });

  it.each<readonly [Shape, Shape]>([
    [
      ['b', 't', 4],
      ['b*t', 4],
    ],
    [
      ['b', 't', 4],
      ['b', '4*t'],
    ],
    [
      ['b', 't', 4],
      ['b', 't', 2, 2],
    ],
    [
      ['b', 't', 4],
      ['t', 'b', 4],
    ],
    [
      ['b', 't', 4],
      [2, 'b', '2*t'],
    ],
    [
      ['b', 't', 4],
      ['b', 2, '2*t', 1],
    ],
    [['b', 't', 4], ['4*b*t']],
  ])('%j to %j at every size, and back', async (from, to) => {
    const executable = await compile(
      ({ x }) => {
        const y = shape.reshape(x, to);
        return { y, dx: gradients(sum(multiply(y, y)), [x])[0]! };
      },
      { x: tensorType('float32', from) },
    );
    for (const [b, t] of [
      [1, 1],
      [2, 3],
      [3, 0],
      [0, 2],
      [0, 0],
    ] as const) {
      const x = counted(b, t, 4);
      const { y, dx } = await executable.run({ x });
      const symbols: Record<string, number> = {
        b,
        t,
        'b*t': b * t,
        '4*t': 4 * t,
        '2*t': 2 * t,
        '4*b*t': 4 * b * t,
      };
      expect(y.shape).toEqual(to.map((extent) => symbols[extent] ?? extent));
      expect(numbersOf(y)).toEqual(numbersOf(x));
      expect(dx.shape).toEqual([b, t, 4]);
      expect(numbersOf(dx)).toEqual(numbersOf(x).map((value) => 2 * value));
    }
    await executable.release();
  });

  it('names both shapes', () => {
    expect(() => shape.reshape(traced([2, 'n']), [3, 'n'])).toThrow(ShapeError);
    expect(() => shape.reshape(traced([2, 'n']), [3, 'n'])).toThrow('reshape: [2, n] cannot become [3, n]');
    expect(() => shape.reshape(traced([4]), [-2, -2])).toThrow('reshape: -2 in [-2, -2] is no extent');
    expect(shape.reshape(traced(['a*b', 2]), ['b*2*a']).shape).toEqual(['2*a*b']);
  });
});

describe('transpose', () => {
  it('permutes', async () => {
    const { reversed, heads } = await evaluate(
      ({ x }) => ({ reversed: shape.transpose(x!), heads: shape.transpose(x!, [1, 0, 2]) }),
      { x: counted(2, 3, 2) },
    );
    expect(reversed.shape).toEqual([2, 3, 2]);
    expect(numbersOf(reversed)).toEqual([0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
    expect(heads.shape).toEqual([3, 2, 2]);
    expect(numbersOf(heads)).toEqual([0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11]);
  });

  it.each([[[2, 0, 1]], [[1, 2, 0]], [[0, 2, 1]], [[0, 1, 2]]])('gradient of %j', async (permutation) => {
    const fn = ({ x }: Inputs) => square(shape.transpose(x!, permutation));
    expect(await gradientError(fn, { x: randomArray([2, 3, 2], 1) })).toBeLessThan(1e-3);
  });

  it('refuses what is no permutation', () => {
    for (const wrong of [[0], [0, 0], [0, 2], [0, 1, 2]]) {
      expect(() => shape.transpose(traced([2, 3]), wrong)).toThrow('no permutation of the 2 axes');
    }
  });
});

describe('slice and pad', () => {
  it.each<readonly [number, number, number | undefined, number[]]>([
    [0, 0, 1, [0, 1, 2, 3]],
    [0, 1, undefined, [4, 5, 6, 7]],
    [1, 1, 3, [1, 2, 5, 6]],
    [-1, 0, -1, [0, 1, 2, 4, 5, 6]],
    [1, 1, -2, [1, 5]],
    [1, 2, 2, []],
    [1, 4, undefined, []],
  ])('slice axis %s from %s to %s', async (axis, start, end, expected) => {
    const found = await evaluateOne(({ x }) => shape.slice(x!, axis, start, end), { x: counted(2, 4) });
    expect(numbersOf(found)).toEqual(expected);
    const fn = ({ x }: Inputs) => square(shape.slice(x!, axis, start, end));
    expect(await gradientError(fn, { x: randomArray([2, 4], 1) })).toBeLessThan(1e-3);
  });

  it.each<readonly [string, number, number | string | undefined, number[]]>([
    ['to the last', 1, undefined, [1, 2, 3]],
    ['to a number', 0, 2, [0, 1]],
    ['counted from the end', 0, -1, [0, 1, 2]],
    ['to another extent', 0, 'm', [0, 1, 2]],
    ['to an extent computed', 1, 'm+-1', [1]],
  ])('slices and differentiates an extent known at run time: %s', async (_label, start, end, kept) => {
    const executable = await compile(
      ({ x }) => ({
        y: shape.slice(x, 0, start, end),
        dx: gradients(sum(square(shape.slice(x, 0, start, end))), [x])[0]!,
      }),
      { x: tensorType('float32', ['n']), other: tensorType('float32', ['m']) },
    );
    const { y, dx } = await executable.run({ x: counted(4), other: counted(3) });
    expect(numbersOf(y)).toEqual(kept);
    expect(numbersOf(dx)).toEqual([0, 1, 2, 3].map((value) => (kept.includes(value) ? 2 * value : 0)));
    await executable.release();
  });

  it('pad adds zeros, also as many as another extent, and has a gradient', async () => {
    const executable = await compile(
      ({ x }) => {
        const y = shape.pad(x, 1, 1, 'm');
        return { y, dx: gradients(sum(square(add(y, 1))), [x])[0]! };
      },
      { x: tensorType('float32', [1, 'n']), other: tensorType('float32', ['m']) },
    );
    const { y, dx } = await executable.run({ x: arrayOf([1, 2], 5, 6), other: counted(2) });
    expect(y.shape).toEqual([1, 5]);
    expect(numbersOf(y)).toEqual([0, 5, 6, 0, 0]);
    expect(numbersOf(dx)).toEqual([12, 14]);
    await executable.release();
    const fn = ({ x }: Inputs) => square(add(shape.pad(x!, 0, 2, 1), 1));
    expect(await gradientError(fn, { x: randomArray([2, 2], 1) })).toBeLessThan(1e-3);
  });

  it('refuse what lies outside', () => {
    expect(() => shape.slice(traced([2, 4]), 1, 0, 5)).toThrow(
      'slice: end 5 is past the extent of axis 1 of [2, 4]',
    );
    expect(() => shape.slice(traced([2, 4]), 1, 3, 2)).toThrow(
      'slice: [3, 2) is not inside axis 1 of [2, 4]',
    );
    expect(() => shape.slice(traced([2, 4]), 1, -1)).toThrow('slice: [-1, end) is not inside axis 1');
    expect(() => shape.slice(traced([2, 4]), 1, 0.5)).toThrow('slice');
    expect(() => shape.pad(traced([2, 4]), 1, -1, 0)).toThrow(
      'pad: [2, 4] cannot get -1 and 0 zeros along axis 1',
    );
  });
});

describe('concatenate and split', () => {
  it('concatenate joins', async () => {
    const found = await evaluateOne(({ a, b }) => shape.concatenate([a!, b!, a!], -1), {
      a: arrayOf([2, 1], 1, 2),
      b: arrayOf([2, 2], 3, 4, 5, 6),
    });
    expect(found.shape).toEqual([2, 4]);
    expect(numbersOf(found)).toEqual([1, 3, 4, 1, 2, 5, 6, 2]);
  });

  it('gradients of both, an input used twice and an output not used', async () => {
    const joined = ({ a, b }: Inputs) => square(shape.concatenate([a!, b!, a!], 0));
    expect(
      await gradientError(joined, { a: randomArray([1, 2], 1), b: randomArray([2, 2], 2) }),
    ).toBeLessThan(1e-3);
    const pieces = ({ x }: Inputs) => {
      const [first, , last] = shape.split(x!, 1, [1, 2, 1]);
      return [square(first!), multiply(first!, last!)];
    };
    expect(await gradientError(pieces, { x: randomArray([2, 4], 3) })).toBeLessThan(1e-3);
  });

  it('split cuts, at extents known at run time too', async () => {
    const executable = await compile(
      ({ past, next }) => {
        const all = shape.concatenate([past, next], 0);
        const [a, b] = shape.split(all, 0, ['past', 'next']);
        return { a: a!, b: b!, da: gradients(sum(square(all)), [past])[0]! };
      },
      { past: tensorType('float32', ['past', 2]), next: tensorType('float32', ['next', 2]) },
    );
    const first = await executable.run({ past: counted(0, 2), next: counted(1, 2) });
    expect(first.a.shape).toEqual([0, 2]);
    expect(numbersOf(first.b)).toEqual([0, 1]);
    const second = await executable.run({ past: counted(2, 2), next: counted(1, 2) });
    expect(numbersOf(second.a)).toEqual([0, 1, 2, 3]);
    expect(numbersOf(second.b)).toEqual([0, 1]);
    expect(numbersOf(second.da)).toEqual([0, 2, 4, 6]);
    await executable.release();
  });

  it('name what does not fit', () => {
    expect(() => shape.concatenate([], 0)).toThrow('concatenate: needs at least one tensor');
    expect(() => shape.concatenate([traced([2, 3]), traced([3, 3])], 1)).toThrow(
      'concatenate: float32[3, 3] does not fit float32[2, 3] along axis 1',
    );
    expect(() => shape.concatenate([traced([2]), input('i', tensorType('int64', [2]))], 0)).toThrow(
      'int64[2]',
    );
    expect(() => shape.split(traced([5]), 0, [2, 2])).toThrow(
      'split: [2, 2] does not add up to axis 0 of [5]',
    );
  });
});

describe('constants of a shape', () => {
  it('zeros, full and range take extents from the run', async () => {
    const executable = await compile(
      ({ x, i }) => ({
        noughts: shape.zeros(x),
        integers: shape.zeros(i),
        sevens: shape.full(['2*n'], 7),
        bools: shape.full([2], 1, 'bool'),
        counted: shape.range('n+1', 2),
        after: shape.range(2, 'n'),
      }),
      { x: tensorType('float32', ['n', 1]), i: tensorType('int64', ['n']) },
    );
    const found = await executable.run({ x: arrayOf([3, 1], 1, 2, 3), i: indicesOf([3], 1, 2, 3) });
    expect(found.noughts.data).toEqual(new Float32Array(3));
    expect(found.noughts.shape).toEqual([3, 1]);
    expect(found.integers.data).toEqual(new BigInt64Array(3));
    expect(numbersOf(found.sevens)).toEqual([7, 7, 7, 7, 7, 7]);
    expect(found.bools.data).toEqual(Uint8Array.of(1, 1));
    expect(found.counted.data).toEqual(BigInt64Array.of(2n, 3n, 4n, 5n));
    expect(found.after.data).toEqual(BigInt64Array.of(3n, 4n));
    await executable.release();
  });

  it('refuse values their type cannot hold', async () => {
    await expect(evaluateOne(() => shape.full([2], 0.5, 'int64'))).rejects.toThrow(
      '0.5 is no value of type int64',
    );
  });

  it('zeros have the type of what they replace', () => {
    expect(shape.zeros(input('d', tensorType('float64', [2]))).dtype).toBe('float64');
  });
});

it('flattenLeading joins the axes before the given one', async () => {
  expect(shape.flattenLeading(traced(['b', 't', 3])).shape).toEqual(['b*t', 3]);
  expect(shape.flattenLeading(traced(['b', 't', 3, 2]), 2).shape).toEqual(['b*t', 3, 2]);
  expect(shape.flattenLeading(traced([2]), 0).shape).toEqual([1, 2]);
  const rows = await evaluateOne(({ x }) => sum(cast(shape.flattenLeading(x!), 'float32'), { axes: 1 }), {
    x: counted(1, 2, 3),
  });
  expect(numbersOf(rows)).toEqual([3, 12]);
});

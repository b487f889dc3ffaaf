import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, indicesOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { hostArray } from '../host-array.ts';
import type { Tensor } from '../tensor.ts';
import { add, cast, multiply, square } from './elementwise.ts';
import { input } from './leaf.ts';
import { argMax, broadcastTo, countAlong, max, mean, type ReduceOptions, sum, sumToShape } from './reduce.ts';

const reductions = [
  ['sum', sum, (values: number[]) => values.reduce((total, value) => total + value, 0)],
  ['mean', mean, (values: number[]) => values.reduce((total, value) => total + value, 0) / values.length],
  ['max', max, (values: number[]) => Math.max(...values)],
] as const;

/** Options, the resulting shape of [2, 3, 4], and which of a position's indices are kept. */
const options: readonly (readonly [ReduceOptions, number[], number[]])[] = [
  [{}, [], []],
  [{ keepDims: true }, [1, 1, 1], []],
  [{ axes: 1 }, [2, 4], [0, 2]],
  [{ axes: -1, keepDims: true }, [2, 3, 1], [0, 1]],
  [{ axes: [2, 0] }, [3], [1]],
  [{ axes: [0, -2], keepDims: true }, [1, 1, 4], [2]],
];

describe.each(reductions)('%s', (name, operation, value) => {
  it.each(options)('%j', async (reduceOptions, shape, kept) => {
    const x = randomArray([2, 3, 4], 1, -5, 5);
    const found = await evaluateOne(({ x }) => operation(x!, reduceOptions), { x });
    expect(found.shape).toEqual(shape);
    const groups = new Map<string, number[]>();
    numbersOf(x).forEach((element, position) => {
      const index = [Math.floor(position / 12), Math.floor(position / 4) % 3, position % 4];
      const key = `${kept.map((axis) => index[axis])}`;
      groups.set(key, [...(groups.get(key) ?? []), element]);
    });
    numbersOf(found).forEach((element, position) => {
      expect(element).toBeCloseTo(value([...groups.values()][position]!), 4);
    });
    expect(await gradientError(({ x }) => operation(x!, reduceOptions), { x })).toBeLessThan(1e-3);
  });

  it('no axes at all changes nothing', async () => {
    const { none, ofScalar } = await evaluate(
      ({ x, s }) => ({ none: operation(x!, { axes: [] }), ofScalar: operation(s!) }),
      { x: arrayOf([2], 3, 4), s: arrayOf([], 5) },
    );
    expect(numbersOf(none)).toEqual([3, 4]);
    expect(ofScalar.shape).toEqual([]);
    expect(numbersOf(ofScalar)).toEqual([5]);
  });

  it('works over symbols at two sizes, gradients included', async () => {
    const executable = await compile(
      ({ x }) => {
        const y = operation(x, { axes: 0 });
        return { y, dx: gradients(sum(square(y)), [x])[0]! };
      },
      { x: tensorType('float32', ['n', 2]) },
    );
    const one = await executable.run({ x: arrayOf([1, 2], 3, -4) });
    expect(numbersOf(one.y)).toEqual([3, -4]);
    expect(numbersOf(one.dx)).toEqual([6, -8]);
    const two = await executable.run({ x: arrayOf([2, 2], 3, -4, 1, 2) });
    const expected = [value([3, 1]), value([-4, 2])];
    expect(numbersOf(two.y)).toEqual(expected);
    const share = (column: number, element: number) =>
      2 *
      expected[column]! *
      (name === 'sum' ? 1 : name === 'mean' ? 0.5 : element === expected[column] ? 1 : 0);
    expect(numbersOf(two.dx)).toEqual([share(0, 3), share(1, -4), share(0, 1), share(1, 2)]);
    await executable.release();
  });

  it('runs in float64', async () => {
    const x = hostArray(Float64Array.of(1, 2, 4, 3), [2, 2]);
    expect(await gradientError(({ x }) => operation(x!, { axes: 1 }), { x }, { step: 1e-3 })).toBeLessThan(
      1e-9,
    );
  });

  it('refuses axes out of range or given twice, and bools', () => {
    const x = input('x', tensorType('float32', [2, 3]));
    expect(() => operation(x, { axes: 2 })).toThrow(ShapeError);
    expect(() => operation(x, { axes: 2 })).toThrow(`${name}: axis 2 is out of range for a tensor of 2 axes`);
    expect(() => operation(x, { axes: [0, -2] })).toThrow(
      `${name}: axes [0,-2] of [2, 3] name one axis twice`,
    );
    expect(() => operation(input('c', tensorType('bool', [2])))).toThrow('bool');
  });
});

describe('empty reductions', () => {
  it('a sum over nothing is 0, and its gradient is empty', async () => {
    const { y, dx } = await evaluate(
      ({ x }) => {
        const y = sum(x!, { axes: 0 });
        return { y, dx: gradients(sum(y), [x!])[0]! };
      },
      { x: randomArray([0, 3], 1) },
    );
    expect(numbersOf(y)).toEqual([0, 0, 0]);
    expect(dx.shape).toEqual([0, 3]);
  });
});

it('max shares the gradient among equal maxima', async () => {
  const dx = await evaluateOne(({ x }) => gradients(sum(max(x!, { axes: 1 })), [x!])[0]!, {
    x: arrayOf([2, 3], 5, 1, 5, 2, 3, 1),
  });
  expect(numbersOf(dx)).toEqual([0.5, 0, 0.5, 0, 1, 0]);
});

it('integers are summed, but have no mean', async () => {
  const total = await evaluateOne(({ i }) => sum(i!), { i: indicesOf([3], 1, 2, 4) });
  expect(total.data).toEqual(BigInt64Array.of(7n));
  expect(() => mean(input('i', tensorType('int64', [3])))).toThrow('mean: needs a floating type, got int64');
});

it('countAlong counts what is there at run time, and depends on nothing', async () => {
  const executable = await compile(
    ({ x }) => ({ count: countAlong(x, [0, -1]), y: multiply(x, countAlong(x, [1])) }),
    { x: tensorType('float32', ['n', 2, 'm']) },
  );
  const { count, y } = await executable.run({ x: arrayOf([3, 2, 1], 1, 2, 3, 4, 5, 6) });
  expect(numbersOf(count)).toEqual([3]);
  expect(numbersOf(y)).toEqual([2, 4, 6, 8, 10, 12]);
  expect(numbersOf((await executable.run({ x: randomArray([2, 2, 5], 1) })).count)).toEqual([10]);
  await executable.release();
});

it('argMax gives the first largest', async () => {
  const { rows, columns } = await evaluate(({ x }) => ({ rows: argMax(x!, -1), columns: argMax(x!, 0) }), {
    x: arrayOf([2, 3], 1, 7, 7, 9, 2, 8),
  });
  expect(rows.data).toEqual(BigInt64Array.of(1n, 0n));
  expect(columns.data).toEqual(BigInt64Array.of(1n, 0n, 1n));
  expect(() => argMax(input('x', tensorType('float32', [2, 0])), 1)).toThrow(
    'argMax: axis 1 of [2, 0] is empty',
  );
});

describe('broadcastTo and sumToShape', () => {
  it.each([
    [[], [2, 3]],
    [[3], [2, 3]],
    [
      [2, 1],
      [2, 3],
    ],
    [
      [1, 1],
      [2, 2, 3],
    ],
    [
      [2, 3],
      [2, 3],
    ],
    [
      [1, 3],
      [0, 3],
    ],
  ])('%j to %j and back', async (from, to) => {
    const there = ({ x }: Readonly<Record<string, Tensor>>) => broadcastTo(x!, to);
    const back = ({ y }: Readonly<Record<string, Tensor>>) => sumToShape(y!, from);
    const x = randomArray(from, 1);
    const y = randomArray(to, 2);
    const [wide, narrow] = [await evaluateOne(there, { x }), await evaluateOne(back, { y })];
    expect(wide.shape).toEqual(to);
    expect(narrow.shape).toEqual(from);
    // Adjoint: <broadcast x, y> = <x, sum y>.
    const inner = (a: number[], b: number[]) =>
      a.reduce((total, value, index) => total + value * b[index]!, 0);
    expect(inner(numbersOf(wide), numbersOf(y))).toBeCloseTo(inner(numbersOf(x), numbersOf(narrow)), 4);
    expect(await gradientError(there, { x })).toBeLessThan(1e-3);
    expect(await gradientError(back, { y })).toBeLessThan(1e-3);
  });

  it('broadcasts to extents known at run time, in any spelling', async () => {
    const executable = await compile(
      ({ x, like }) => ({ y: add(broadcastTo(x, ['seq*batch', 2]), cast(sum(like), 'float32')) }),
      { x: tensorType('float32', [2]), like: tensorType('int64', ['batch', 'seq']) },
    );
    const { y } = await executable.run({ x: arrayOf([2], 1, 2), like: indicesOf([1, 2], 0, 0) });
    expect(y.shape).toEqual([2, 2]);
    expect(numbersOf(y)).toEqual([1, 2, 1, 2]);
    expect(executable.outputs.y!.shape).toEqual(['batch*seq', 2]);
    await executable.release();
  });

  it('names both shapes', () => {
    const x = input('x', tensorType('float32', [2, 3]));
    expect(() => broadcastTo(x, [3, 3])).toThrow('broadcastTo: [2, 3] does not broadcast to [3, 3]');
    expect(() => broadcastTo(x, [3])).toThrow('broadcastTo: [2, 3] does not broadcast to [3]');
    expect(() => sumToShape(x, [2])).toThrow('sumToShape: [2] does not broadcast to [2, 3]');
    expect(() => sumToShape(x, [1, 2, 3])).toThrow('sumToShape: [1, 2, 3] does not broadcast to [2, 3]');
  });
});

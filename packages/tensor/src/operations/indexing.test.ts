import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, indicesOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { hostArray } from '../host-array.ts';
import type { Tensor } from '../tensor.ts';
import { multiply, square } from './elementwise.ts';
import { addAlong, gather, pickPerRow, putAlong, scatterAddRows, takeAlong } from './indexing.ts';
import { input } from './leaf.ts';
import { sum } from './reduce.ts';

type Inputs = Readonly<Record<string, Tensor>>;
const float = (name: string, ...shape: (number | string)[]) => input(name, tensorType('float32', shape));
const int = (name: string, ...shape: (number | string)[]) => input(name, tensorType('int64', shape));

describe('gather', () => {
  it('takes rows, in the shape of the indices', async () => {
    const found = await evaluateOne(({ table, i }) => gather(table!, i!), {
      table: arrayOf([3, 2], 0, 1, 10, 11, 20, 21),
      i: indicesOf([1, 3], 2, 0, 2),
    });
    expect(found.shape).toEqual([1, 3, 2]);
    expect(numbersOf(found)).toEqual([20, 21, 0, 1, 20, 21]);
  });

  it('adds up the gradients of a row taken more than once', async () => {
    const inputs = { table: randomArray([4, 3], 1), i: indicesOf([2, 3], 1, 1, 0, 3, 1, 0) };
    expect(await gradientError(({ table, i }) => square(gather(table!, i!)), inputs)).toBeLessThan(1e-3);
    const dTable = await evaluateOne(
      ({ table, i }) => gradients(sum(gather(table!, i!)), [table!])[0]!,
      inputs,
    );
    expect(numbersOf(dTable)).toEqual([2, 2, 2, 3, 3, 3, 0, 0, 0, 1, 1, 1]);
  });

  it('gathers from a vector, with no index at all, and at run-time sizes', async () => {
    const executable = await compile(
      ({ table, i }) => ({
        y: gather(table, i),
        dTable: gradients(sum(square(gather(table, i))), [table])[0]!,
      }),
      { table: tensorType('float32', ['rows']), i: tensorType('int64', ['n']) },
    );
    const some = await executable.run({ table: arrayOf([3], 5, 6, 7), i: indicesOf([2], 2, 2) });
    expect(numbersOf(some.y)).toEqual([7, 7]);
    expect(numbersOf(some.dTable)).toEqual([0, 0, 28]);
    const none = await executable.run({ table: arrayOf([2], 5, 6), i: indicesOf([0]) });
    expect(none.y.shape).toEqual([0]);
    expect(numbersOf(none.dTable)).toEqual([0, 0]);
    await executable.release();
  });

  it('loses no gradient to threads when many indices repeat', async () => {
    const [rows, uses, width] = [3, 20_000, 8];
    const executable = await compile(
      ({ updates, i }) => ({ table: scatterAddRows(updates, i, rows) }),
      { updates: tensorType('float32', [uses, width]), i: tensorType('int64', [uses]) },
      { threads: 4 },
    );
    const updates = hostArray(new Float32Array(uses * width).fill(1), [uses, width]);
    const i = hostArray(new BigInt64Array(uses).fill(1n), [uses]);
    for (let run = 0; run < 30; run++) {
      const { table } = await executable.run({ updates, i });
      expect(new Set(numbersOf(table))).toEqual(new Set([0, uses]));
    }
    await executable.release();
  });

  it('names what it refuses', () => {
    expect(() => gather(float('t', 3, 2), float('i', 2))).toThrow(ShapeError);
    expect(() => gather(float('t', 3, 2), float('i', 2))).toThrow(
      'gather: the indices are float32, must be int64',
    );
    expect(() => gather(float('t'), int('i', 2))).toThrow('gather: the table has no axis to index');
  });
});

describe('scatterAddRows', () => {
  it('is the adjoint of gather, in any type', async () => {
    const { floats, integers } = await evaluate(
      ({ u, n, i }) => ({ floats: scatterAddRows(u!, i!, 3), integers: scatterAddRows(n!, i!, 3) }),
      { u: arrayOf([2, 2], 1, 2, 3, 4), n: indicesOf([2], 5, 6), i: indicesOf([2], 2, 2) },
    );
    expect(numbersOf(floats)).toEqual([0, 0, 0, 0, 4, 6]);
    expect(integers.data).toEqual(BigInt64Array.of(0n, 0n, 11n));
    const fn = ({ u, i }: Inputs) => square(scatterAddRows(u!, i!, 3));
    const inputs = { u: randomArray([2, 2, 3], 1), i: indicesOf([2, 2], 0, 2, 2, 0) };
    expect(await gradientError(fn, inputs)).toBeLessThan(1e-3);
  });

  it('names both shapes', () => {
    expect(() => scatterAddRows(float('u', 3, 2), int('i', 2), 4)).toThrow(
      'scatterAddRows: updates [3, 2] must begin with the shape of the indices [2]',
    );
  });
});

describe('takeAlong and putAlong', () => {
  const x = arrayOf([2, 3], 1, 2, 3, 4, 5, 6);

  it.each([
    [-1, [2, 2], [0, 0, 2, 1], [1, 1, 6, 5]],
    [1, [2, 1], [2, 0], [3, 4]],
    [0, [1, 3], [1, 0, 1], [4, 2, 6]],
    [1, [2, 0], [], []],
  ])('take along axis %s', async (axis, shape, indices, expected) => {
    const i = indicesOf(shape, ...indices);
    const found = await evaluateOne(({ x, i }) => takeAlong(x!, i!, axis), { x, i });
    expect(found.shape).toEqual(shape);
    expect(numbersOf(found)).toEqual(expected);
    const inputs = { x: randomArray([2, 3], 1), i };
    expect(await gradientError(({ x, i }) => square(takeAlong(x!, i!, axis)), inputs)).toBeLessThan(1e-3);
  });

  it('put adds where indices repeat', async () => {
    const inputs = { u: arrayOf([2, 2], 1, 2, 3, 4), i: indicesOf([2, 2], 1, 1, 0, 2) };
    const found = await evaluateOne(({ u, i }) => putAlong(u!, i!, [2, 3]), inputs);
    expect(numbersOf(found)).toEqual([0, 3, 0, 3, 0, 4]);
    expect(await gradientError(({ u, i }) => square(putAlong(u!, i!, [2, 3], 1)), inputs)).toBeLessThan(1e-3);
  });

  it('add along adds to what is there', async () => {
    const inputs = { x, u: arrayOf([2, 2], 1, 2, 3, 4), i: indicesOf([2, 2], 1, 1, 0, 2) };
    const found = await evaluateOne(({ x, u, i }) => addAlong(x!, u!, i!), inputs);
    expect(numbersOf(found)).toEqual([1, 5, 3, 7, 5, 10]);
    expect(await gradientError(({ x, u, i }) => square(addAlong(x!, u!, i!)), inputs)).toBeLessThan(1e-3);
  });

  it('name what does not fit', () => {
    expect(() => takeAlong(float('x', 2, 3), int('i', 3, 1))).toThrow(
      'takeAlong: indices [3, 1] must equal [2, 3] except along axis 1',
    );
    expect(() => takeAlong(float('x', 2, 3), float('i', 2, 1))).toThrow('takeAlong: the indices are float32');
    expect(() => putAlong(float('u', 2, 1), int('i', 2, 2), [2, 3])).toThrow(
      'putAlong: updates [2, 1] and indices [2, 2] must be equal, and equal [2, 3] except along axis 1',
    );
  });
});

it('pickPerRow takes one element of each row', async () => {
  const executable = await compile(
    ({ x, column }) => {
      const y = pickPerRow(x, column);
      return { y, dx: gradients(sum(multiply(y, y)), [x])[0]! };
    },
    { x: tensorType('float32', ['rows', 3]), column: tensorType('int64', ['rows']) },
  );
  const { y, dx } = await executable.run({
    x: arrayOf([2, 3], 1, 2, 3, 4, 5, 6),
    column: indicesOf([2], 2, 0),
  });
  expect(numbersOf(y)).toEqual([3, 4]);
  expect(numbersOf(dx)).toEqual([0, 0, 6, 8, 0, 0]);
  expect((await executable.run({ x: arrayOf([0, 3]), column: indicesOf([0]) })).y.shape).toEqual([0]);
  await executable.release();
});

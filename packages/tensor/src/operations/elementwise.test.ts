import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, indicesOf, numbersOf, randomArray } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { ShapeError } from '../errors.ts';
import { gradients } from '../grad.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import type { Tensor } from '../tensor.ts';
import * as elementwise from './elementwise.ts';
import { input, scalar, type TensorLike } from './leaf.ts';
import { sum } from './reduce.ts';

type Unary = (x: Tensor) => Tensor;
type Range = readonly [low: number, high: number];

const anywhere: Range = [-1.5, 1.5];
const positive: Range = [0.5, 2];

/** Operation, the same function of a number, and where it is smooth. */
const unaryOperations: readonly (readonly [
  name: string,
  operation: Unary,
  value: (x: number) => number,
  Range,
])[] = [
  ['negate', elementwise.negate, (x) => -x, anywhere],
  ['exp', elementwise.exp, Math.exp, anywhere],
  ['log', elementwise.log, Math.log, positive],
  ['sqrt', elementwise.sqrt, Math.sqrt, positive],
  ['reciprocal', elementwise.reciprocal, (x) => 1 / x, positive],
  ['abs below 0', elementwise.abs, Math.abs, [-2, -0.1]],
  ['abs above 0', elementwise.abs, Math.abs, [0.1, 2]],
  ['tanh', elementwise.tanh, Math.tanh, anywhere],
  ['sigmoid', elementwise.sigmoid, (x) => 1 / (1 + Math.exp(-x)), anywhere],
  ['softplus', elementwise.softplus, (x) => Math.log1p(Math.exp(x)), anywhere],
  ['sin', elementwise.sin, Math.sin, anywhere],
  ['cos', elementwise.cos, Math.cos, anywhere],
  ['relu below 0', elementwise.relu, () => 0, [-2, -0.1]],
  ['relu above 0', elementwise.relu, (x) => x, [0.1, 2]],
  ['square', elementwise.square, (x) => x * x, anywhere],
  ['power 3', (x) => elementwise.power(x, 3), (x) => x ** 3, anywhere],
  ['power -1.5', (x) => elementwise.power(x, -1.5), (x) => x ** -1.5, positive],
  ['power 0', (x) => elementwise.power(x, 0), () => 1, anywhere],
];

describe('one operand', () => {
  it.each(unaryOperations)('%s: value and derivative', async (_name, operation, value, [low, high]) => {
    const x = randomArray([3, 4], 1, low, high);
    const found = await evaluateOne(({ x }) => operation(x!), { x });
    expect(found.shape).toEqual([3, 4]);
    for (const [index, y] of numbersOf(found).entries())
      expect(y).toBeCloseTo(value(x.data[index] as number), 5);
    expect(await gradientError(({ x }) => operation(x!), { x })).toBeLessThan(1e-3);
  });

  it('softplus: value and derivative at 0, and far from it', async () => {
    const x = arrayOf([3], 0, 30_000, -30_000);
    const found = await evaluateOne(({ x }) => elementwise.softplus(x!), { x });
    expect(numbersOf(found)[0]).toBeCloseTo(Math.log(2), 6);
    expect(numbersOf(found).slice(1)).toEqual([30_000, 0]);
    const slope = await evaluateOne(({ x }) => gradients(sum(elementwise.softplus(x!)), [x!])[0]!, { x });
    expect(numbersOf(slope)).toEqual([0.5, 1, 0]);
  });

  it('erf: value and derivative', async () => {
    const found = await evaluateOne(({ x }) => elementwise.erf(x!), { x: arrayOf([3], 0, 1, -0.5) });
    expect(numbersOf(found)[0]).toBe(0);
    expect(numbersOf(found)[1]).toBeCloseTo(0.8427008, 6);
    expect(numbersOf(found)[2]).toBeCloseTo(-0.5204999, 6);
    expect(await gradientError(({ x }) => elementwise.erf(x!), { x: randomArray([7], 2) })).toBeLessThan(
      1e-3,
    );
  });

  it('defines the derivatives at kinks', async () => {
    const x = arrayOf([3], -2, 0, 3);
    const slope = async (operation: Unary) =>
      numbersOf(await evaluateOne(({ x }) => gradients(sum(operation(x!)), [x!])[0]!, { x }));
    expect(await slope(elementwise.abs)).toEqual([-1, 0, 1]);
    expect(await slope(elementwise.relu)).toEqual([0, 0, 1]);
    expect(await slope(elementwise.sign)).toEqual([0, 0, 0]);
    expect(await slope((t) => elementwise.power(t, 0))).toEqual([0, 0, 0]);
    expect(await slope((t) => elementwise.power(t, 1))).toEqual([1, 1, 1]);
    expect(numbersOf(await evaluateOne(({ x }) => elementwise.sign(x!), { x }))).toEqual([-1, 0, 1]);
  });

  it('runs in float64, gradients included', async () => {
    const x = hostArray(Float64Array.of(0.25, -1.5), [2]);
    const smooth = ({ x }: Readonly<Record<string, Tensor>>) =>
      elementwise.multiply(
        elementwise.relu(x!),
        elementwise.add(elementwise.power(x!, 3), elementwise.abs(x!)),
      );
    expect((await evaluateOne(smooth, { x })).data).toBeInstanceOf(Float64Array);
    expect(await gradientError(smooth, { x }, { step: 1e-3 })).toBeLessThan(1e-9);
  });

  it('refuses integers and bools', () => {
    const indices = input('i', tensorType('int64', [3]));
    expect(() => elementwise.exp(indices)).toThrow(ShapeError);
    expect(() => elementwise.exp(indices)).toThrow('exp: needs a floating type, got int64');
    expect(() => elementwise.power(indices, 2)).toThrow('power: needs a floating type');
  });
});

type Binary = (a: TensorLike, b: TensorLike) => Tensor;

const binaryOperations: readonly (readonly [string, Binary, (a: number, b: number) => number])[] = [
  ['add', elementwise.add, (a, b) => a + b],
  ['subtract', elementwise.subtract, (a, b) => a - b],
  ['multiply', elementwise.multiply, (a, b) => a * b],
  ['divide', elementwise.divide, (a, b) => a / b],
  ['maximum', elementwise.maximum, Math.max],
  ['minimum', elementwise.minimum, Math.min],
];

/** Shapes that broadcast, and their result. */
const broadcasts: readonly (readonly [a: number[], b: number[], result: number[]])[] = [
  [
    [2, 3],
    [2, 3],
    [2, 3],
  ],
  [[2, 3], [3], [2, 3]],
  [
    [2, 1],
    [1, 3],
    [2, 3],
  ],
  [[], [2, 2], [2, 2]],
  [
    [2, 1, 2],
    [3, 1],
    [2, 3, 2],
  ],
  [
    [0, 3],
    [1, 3],
    [0, 3],
  ],
  [
    [1, 3],
    [0, 1],
    [0, 3],
  ],
];

describe.each(binaryOperations)('%s', (name, operation, value) => {
  it.each(broadcasts)('%j with %j', async (shapeA, shapeB, result) => {
    // Half a unit apart on either side: no difference crosses a tie.
    const separated = (a: HostArray): HostArray =>
      hostArray(
        Float32Array.from(a.data as Float32Array, (v, index) => v + (index % 2 === 0 ? 3 : 0.5)),
        a.shape,
      );
    const inputs = { a: separated(randomArray(shapeA, 3, 0.1, 0.4)), b: randomArray(shapeB, 4, 1.2, 2) };
    const found = await evaluateOne(({ a, b }) => operation(a!, b!), inputs);
    expect(found.shape).toEqual(result);
    const at = (array: HostArray, index: readonly number[]) =>
      array.get(
        ...array.shape.map((extent, axis) =>
          extent === 1 ? 0 : index[index.length - array.shape.length + axis]!,
        ),
      );
    numbersOf(found).forEach((y, position) => {
      const index = result.map((extent, axis) => {
        const inner = result.slice(axis + 1).reduce((product, e) => product * e, 1);
        return Math.floor(position / inner) % extent;
      });
      expect(y).toBeCloseTo(value(Number(at(inputs.a, index)), Number(at(inputs.b, index))), 5);
    });
    expect(await gradientError(({ a, b }) => operation(a!, b!), inputs)).toBeLessThan(1e-3);
  });

  it('takes numbers on either side', async () => {
    const x = arrayOf([2], 2, 4);
    const { left, right } = await evaluate(({ x }) => ({ left: operation(3, x!), right: operation(x!, 3) }), {
      x,
    });
    numbersOf(left).forEach((y, index) => {
      expect(y).toBeCloseTo(value(3, x.get(index) as number), 6);
    });
    numbersOf(right).forEach((y, index) => {
      expect(y).toBeCloseTo(value(x.get(index) as number, 3), 6);
    });
  });

  it('names itself and both shapes when they do not broadcast', () => {
    const [a, b] = [input('a', tensorType('float32', [2, 'n'])), input('b', tensorType('float32', [3, 'n']))];
    expect(() => operation(a, b)).toThrow(ShapeError);
    expect(() => operation(a, b)).toThrow(`${name}: shapes [2, n] and [3, n] do not broadcast`);
  });

  it('refuses mixed types and bools', () => {
    const [a, i] = [input('a', tensorType('float32', [2])), input('i', tensorType('int64', [2]))];
    expect(() => operation(a, i)).toThrow(`${name}: element types float32 and int64 do not mix`);
    expect(() => operation(scalar(1, 'bool'), scalar(0, 'bool'))).toThrow(`${name}: takes numbers, got bool`);
  });
});

describe('broadcasting over symbols', () => {
  it('runs one executable at two sizes, gradients included', async () => {
    const executable = await compile(
      ({ x, scale }) => {
        const y = elementwise.multiply(x, scale);
        const [dx, dScale] = gradients(sum(elementwise.square(y)), [x, scale]);
        return { y, dx: dx!, dScale: dScale! };
      },
      { x: tensorType('float32', ['batch', 'seq', 2]), scale: tensorType('float32', ['seq', 1]) },
    );
    for (const [batch, seq] of [
      [1, 2],
      [3, 1],
      [2, 0],
      [0, 2],
    ] as const) {
      const x = randomArray([batch, seq, 2], 5);
      const scale = randomArray([seq, 1], 6);
      const found = await executable.run({ x, scale });
      expect(found.dx.shape).toEqual([batch, seq, 2]);
      const expected = new Float64Array(seq);
      for (let b = 0; b < batch; b++) {
        for (let s = 0; s < seq; s++) {
          for (let k = 0; k < 2; k++) {
            const [value, factor] = [x.get(b, s, k) as number, scale.get(s, 0) as number];
            expect(found.y.get(b, s, k)).toBeCloseTo(value * factor, 5);
            expect(found.dx.get(b, s, k)).toBeCloseTo(2 * value * factor * factor, 5);
            expected[s]! += 2 * factor * value * value;
          }
        }
      }
      numbersOf(found.dScale).forEach((v, s) => {
        expect(v).toBeCloseTo(expected[s]!, 4);
      });
    }
    await executable.release();
  });

  it('keeps two symbols apart', () => {
    const [a, b] = [input('a', tensorType('float32', ['n'])), input('b', tensorType('float32', ['m']))];
    expect(() => elementwise.add(a, b)).toThrow('add: shapes [n] and [m] do not broadcast');
  });
});

describe('ties', () => {
  it.each([
    ['maximum', elementwise.maximum],
    ['minimum', elementwise.minimum],
  ] as const)('%s shares the gradient of equal operands', async (_name, operation) => {
    const { da, db } = await evaluate(
      ({ a, b }) => {
        const [da, db] = gradients(sum(operation(a!, b!)), [a!, b!]);
        return { da: da!, db: db! };
      },
      { a: arrayOf([2], 1, 5), b: arrayOf([2], 1, 5) },
    );
    expect(numbersOf(da)).toEqual([0.5, 0.5]);
    expect(numbersOf(db)).toEqual([0.5, 0.5]);
  });
});

describe('comparison and choice', () => {
  const [a, b] = [arrayOf([3], 1, 2, 3), arrayOf([3], 2, 2, 2)];

  it.each([
    ['equal', elementwise.equal, [0, 1, 0]],
    ['less', elementwise.less, [1, 0, 0]],
    ['lessOrEqual', elementwise.lessOrEqual, [1, 1, 0]],
    ['greater', elementwise.greater, [0, 0, 1]],
    ['greaterOrEqual', elementwise.greaterOrEqual, [0, 1, 1]],
  ] as const)('%s', async (_name, operation, expected) => {
    const found = await evaluateOne(({ a, b }) => operation(a!, b!), { a, b });
    expect(numbersOf(found)).toEqual(expected);
  });

  it('logicalAnd', async () => {
    const found = await evaluateOne(
      ({ a, b }) =>
        elementwise.logicalAnd(elementwise.greater(a!, 1), elementwise.less(a!, elementwise.add(b!, 1))),
      { a, b },
    );
    expect(numbersOf(found)).toEqual([0, 1, 0]);
    expect(() => elementwise.logicalAnd(scalar(1), scalar(0))).toThrow(
      'logicalAnd: takes bools, got float32',
    );
  });

  it('compares int64 with numbers', async () => {
    const found = await evaluateOne(({ i }) => elementwise.greaterOrEqual(i!, 2), {
      i: indicesOf([3], 1, 2, 3),
    });
    expect(numbersOf(found)).toEqual([0, 1, 1]);
  });

  it('where chooses, broadcasts, and passes gradients to the chosen', async () => {
    const inputs = { a: randomArray([2, 3], 8), b: randomArray([3], 9), x: arrayOf([2, 1], 1, -1) };
    const choose = ({ a, b, x }: Readonly<Record<string, Tensor>>) =>
      elementwise.where(elementwise.greater(x!, 0), a!, b!);
    const found = numbersOf(await evaluateOne(choose, inputs));
    expect(found).toEqual([...numbersOf(inputs.a).slice(0, 3), ...numbersOf(inputs.b)]);
    expect(await gradientError(choose, inputs, { withRespectTo: ['a', 'b'] })).toBeLessThan(1e-3);
  });

  it('where names what does not fit', () => {
    const condition = input('c', tensorType('bool', [4]));
    const x = input('x', tensorType('float32', [2, 3]));
    expect(() => elementwise.where(x, x, x)).toThrow('where: the condition is float32, must be bool');
    expect(() => elementwise.where(condition, x, 0)).toThrow(
      'where: condition [4] and values [2, 3] do not broadcast',
    );
  });
});

describe('cast and stopGradient', () => {
  it('cast converts', async () => {
    const { integers, bools, back } = await evaluate(
      ({ x }) => {
        const integers = elementwise.cast(x!, 'int64');
        return { integers, bools: elementwise.cast(x!, 'bool'), back: elementwise.cast(integers, 'float32') };
      },
      { x: arrayOf([3], 0, 1.75, -2.5) },
    );
    expect(integers.data).toEqual(BigInt64Array.of(0n, 1n, -2n));
    expect(bools.data).toEqual(Uint8Array.of(0, 1, 1));
    expect(back.data).toEqual(Float32Array.of(0, 1, -2));
  });

  it('cast passes gradients between floating types', async () => {
    const twice = ({ x }: Readonly<Record<string, Tensor>>) =>
      elementwise.cast(elementwise.square(elementwise.cast(x!, 'float64')), 'float32');
    expect(await gradientError(twice, { x: randomArray([4], 11) })).toBeLessThan(1e-3);
  });

  it('stopGradient passes the value and no gradient', async () => {
    const { y, dx } = await evaluate(
      ({ x }) => {
        const y = elementwise.multiply(x!, elementwise.stopGradient(x!));
        return { y, dx: gradients(sum(y), [x!])[0]! };
      },
      { x: arrayOf([2], 3, 4) },
    );
    expect(numbersOf(y)).toEqual([9, 16]);
    expect(numbersOf(dx)).toEqual([3, 4]);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluate, evaluateOne } from './__fixtures__/evaluate.ts';
import { gradientError, type TracedFunction } from './__fixtures__/finite-differences.ts';
import { loweredOperators } from './__fixtures__/lowered-operators.ts';
import { arrayOf, indicesOf, numbersOf, randomArray } from './__fixtures__/random-array.ts';
import { type Signature, tensorType } from './compile.ts';
import { GradientError } from './errors.ts';
import { grad, gradients, pullBack, valueAndGrad } from './grad.ts';
import { lower } from './onnx/lower.ts';
import { applySingle } from './operation.ts';
import * as elementwise from './operations/elementwise.ts';
import { gather } from './operations/indexing.ts';
import { input, scalar } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { softmax } from './operations/nn.ts';
import { argMax, max, mean, sum } from './operations/reduce.ts';
import { concatenate, slice, split, transpose } from './operations/shape.ts';
import type { Operation, Tensor } from './tensor.ts';

const { add, cast, divide, exp, multiply, power, sigmoid, sin, square, stopGradient, subtract, tanh } =
  elementwise;
type Inputs = Readonly<Record<string, Tensor>>;
const float = (name: string, ...shape: (number | string)[]) => input(name, tensorType('float32', shape));

describe('gradients', () => {
  it('of a value with respect to itself is 1', async () => {
    expect(numbersOf(await evaluateOne(({ x }) => gradients(x!, [x!])[0]!, { x: arrayOf([], 5) }))).toEqual([
      1,
    ]);
  });

  it('adds up over every use of a value', async () => {
    const fn = ({ x }: Inputs) => {
      const y = multiply(x!, x!);
      return add(multiply(y, x!), add(y, x!));
    };
    const dx = await evaluateOne(({ x }) => gradients(sum(fn({ x: x! })), [x!])[0]!, {
      x: arrayOf([2], 2, -1),
    });
    expect(numbersOf(dx)).toEqual([3 * 4 + 2 * 2 + 1, 3 - 2 + 1]);
  });

  it('of a value in two outputs, and of an intermediate value', async () => {
    const { dx, dHidden } = await evaluate(
      ({ x }) => {
        const hidden = multiply(x!, 2);
        const value = add(sum(square(hidden)), sum(hidden));
        const [dx, dHidden] = gradients(value, [x!, hidden]);
        return { dx: dx!, dHidden: dHidden! };
      },
      { x: arrayOf([2], 1, 3) },
    );
    expect(numbersOf(dHidden)).toEqual([5, 13]);
    expect(numbersOf(dx)).toEqual([10, 26]);
    const fn: TracedFunction = ({ x }) => [square(x!), elementwise.sin(x!), x!];
    expect(await gradientError(fn, { x: randomArray([3], 1) })).toBeLessThan(1e-3);
  });

  it('asks for a float scalar', () => {
    const x = float('x', 2);
    expect(() => gradients(x, [x])).toThrow(GradientError);
    expect(() => gradients(x, [x])).toThrow('reduce it, for example with sum() or mean()');
    const i = input('i', tensorType('int64', []));
    expect(() => gradients(i, [i])).toThrow('needs a float scalar');
  });

  it('refuses a tensor the value does not depend on, unless zeros are asked', async () => {
    const [x, other] = [float('x', 2), float('other', 3)];
    expect(() => gradients(sum(x), [other])).toThrow(GradientError);
    expect(() => gradients(sum(x), [other])).toThrow(
      "does not depend on Tensor(float32[3] from input 'other')",
    );
    const found = await evaluate(
      ({ x, other }) => {
        const [dx, dOther] = gradients(sum(x!), [x!, other!], { unused: 'zeros' });
        return { dx: dx!, dOther: dOther! };
      },
      { x: arrayOf([2], 1, 2), other: arrayOf([3], 1, 2, 3) },
    );
    expect(numbersOf(found.dx)).toEqual([1, 1]);
    expect(numbersOf(found.dOther)).toEqual([0, 0, 0]);
  });

  it('finds none through stopGradient, integers, comparisons and positions', () => {
    const x = float('x', 3);
    const blocked: Readonly<Record<string, Tensor>> = {
      stopGradient: sum(stopGradient(x)),
      cast: sum(cast(cast(x, 'int64'), 'float32')),
      greater: sum(cast(elementwise.greater(x, 0), 'float32')),
      argMax: cast(argMax(x, 0), 'float32'),
    };
    for (const [name, value] of Object.entries(blocked)) {
      expect(() => gradients(value, [x])).toThrow(
        `depends on Tensor(float32[3] from input 'x') only through ${name}, which passes no gradient`,
      );
    }
    expect(() => gradients(add(blocked.argMax!, blocked.greater!), [x])).toThrow(
      'only through greater, argMax, which pass no gradient',
    );
    const i = input('i', tensorType('int64', [2]));
    expect(() => gradients(sum(gather(x, i)), [i])).toThrow(GradientError);
  });

  it('ignores what is not on the way', async () => {
    const dx = await evaluateOne(
      ({ x, i }) => {
        const rows = gather(x!, i!);
        return gradients(sum(multiply(rows, stopGradient(rows))), [x!])[0]!;
      },
      { x: arrayOf([3], 1, 2, 3), i: indicesOf([2], 2, 2) },
    );
    expect(numbersOf(dx)).toEqual([0, 0, 6]);
  });

  it('names an operation without a derivative', () => {
    const opaque: Operation<null> = { name: 'opaque', infer: ([x]) => [x!], lower: () => {} };
    const x = float('x', 2);
    expect(() => gradients(sum(applySingle(opaque, [x], null)), [x])).toThrow(
      'opaque cannot be differentiated, but a gradient is wanted through it',
    );
    expect(gradients(sum(add(applySingle(opaque, [stopGradient(x)], null), x)), [x])).toHaveLength(1);
  });

  it('catches a derivative of the wrong shape or type', () => {
    const broken = (gradient: Tensor): Operation<null> => ({
      name: 'broken',
      infer: ([x]) => [x!],
      gradient: () => [gradient],
      lower: () => {},
    });
    const x = float('x', 2);
    for (const wrong of [float('g', 3), input('g', tensorType('float64', [2]))]) {
      expect(() => gradients(sum(applySingle(broken(wrong), [x], null)), [x])).toThrow(
        'broken gives a gradient',
      );
    }
  });
});

describe('frozen weights', () => {
  const signature: Signature = {
    x: tensorType('float32', ['n', 4]),
    frozen: tensorType('float32', [4, 4]),
    a: tensorType('float32', [4, 1]),
    b: tensorType('float32', [1, 4]),
  };
  const products = (wanted: readonly string[]) => {
    const tensors = Object.fromEntries(
      Object.entries(signature).map(([name, type]) => [name, input(name, type)]),
    );
    const { x, frozen, a, b } = tensors as { x: Tensor; frozen: Tensor; a: Tensor; b: Tensor };
    const y = add(matmul(x, frozen), matmul(matmul(x, a), b));
    const found = gradients(
      sum(square(y)),
      wanted.map((name) => tensors[name]!),
    );
    const { model } = lower(
      signature,
      Object.fromEntries(found.map((gradient, index) => [`g${index}`, gradient])),
    );
    return loweredOperators(model).filter((operator) => operator === 'MatMul' || operator === 'FusedMatMul')
      .length;
  };

  it('cost no products of their own', () => {
    // Forward: x W, x A, (x A) B. Backward: dB; d(x A) and dA.
    expect(products(['b'])).toBe(3 + 1);
    expect(products(['a', 'b'])).toBe(3 + 3);
    expect(products(['a', 'b', 'frozen'])).toBe(3 + 4);
    // dx: through W, and through A of the d(x A) that dA has already.
    expect(products(['a', 'b', 'x'])).toBe(3 + 5);
  });
});

describe('pullBack', () => {
  it('is the product of a row vector and the Jacobian, for several outputs', async () => {
    const { dx, dw } = await evaluate(
      ({ x, w, gy, gz }) => {
        const y = matmul(x!, w!);
        const z = square(x!);
        const [dx, dw] = pullBack(
          [
            { output: y, gradient: gy! },
            { output: z, gradient: gz! },
          ],
          [x!, w!],
        );
        return { dx: dx!, dw: dw! };
      },
      {
        x: arrayOf([1, 2], 3, 4),
        w: arrayOf([2, 1], 5, 6),
        gy: arrayOf([1, 1], 2),
        gz: arrayOf([1, 2], 1, 10),
      },
    );
    expect(numbersOf(dx)).toEqual([10 + 6, 12 + 80]);
    expect(numbersOf(dw)).toEqual([6, 8]);
  });

  it('adds cotangents of one output, and starts at intermediate values', async () => {
    const dx = await evaluateOne(
      ({ x }) => {
        const y = multiply(x!, 3);
        const z = sum(y);
        const one = scalar(1);
        return pullBack(
          [
            { output: z, gradient: one },
            { output: z, gradient: one },
            { output: y, gradient: x! },
          ],
          [x!],
        )[0]!;
      },
      { x: arrayOf([2], 1, 2) },
    );
    expect(numbersOf(dx)).toEqual([6 + 3, 6 + 6]);
  });

  it('refuses a cotangent of another shape', () => {
    const x = float('x', 2);
    expect(() => pullBack([{ output: square(x), gradient: float('g', 3) }], [x])).toThrow(
      'the cotangent gives a gradient float32[3] for Tensor(float32[2] from multiply)',
    );
  });
});

describe('valueAndGrad and grad', () => {
  it('differentiate with respect to every tensor of the first argument, by name', async () => {
    const loss = ({ w, b }: { w: Tensor; b: Tensor }, x: Tensor) => mean(square(add(matmul(x, w), b)));
    const found = await evaluate(
      ({ x, w, b }) => {
        const { value, gradients } = valueAndGrad(loss)({ w: w!, b: b! }, x!);
        return { value, dw: gradients.w, db: gradients.b, again: grad(loss)({ w: w!, b: b! }, x!).b };
      },
      { x: arrayOf([2, 1], 1, 2), w: arrayOf([1, 1], 3), b: arrayOf([], 1) },
    );
    expect(numbersOf(found.value)).toEqual([(16 + 49) / 2]);
    expect(numbersOf(found.dw)).toEqual([4 * 1 + 7 * 2]);
    expect(numbersOf(found.db)).toEqual([4 + 7]);
    expect(numbersOf(found.again)).toEqual([11]);
  });

  it('pass their options on', () => {
    const parameters = { used: float('used', 2), unused: float('unused', 2) };
    expect(() => grad(({ used }: typeof parameters) => sum(used))(parameters)).toThrow(GradientError);
    const zeros = grad(({ used }: typeof parameters) => sum(used), { unused: 'zeros' })(parameters);
    expect(zeros.unused.shape).toEqual([2]);
  });
});

describe('the gradient of a gradient', () => {
  /** Every first derivative, as a function to be differentiated once more. */
  const derivativeOf =
    (fn: (inputs: Inputs) => Tensor, names: readonly string[]): TracedFunction =>
    (inputs) =>
      gradients(
        sum(square(fn(inputs))),
        names.map((name) => inputs[name]!),
      );

  it.each<readonly [string, (inputs: Inputs) => Tensor, readonly ('a' | 'b')[]]>([
    ['tanh', ({ a }) => tanh(a!), ['a']],
    ['exp sin', ({ a }) => exp(sin(a!)), ['a']],
    ['power', ({ a }) => power(a!, 3), ['a']],
    ['divide', ({ a, b }) => divide(b!, a!), ['a', 'b']],
    ['matmul', ({ a, b }) => matmul(a!, b!, { transposeB: true }), ['a', 'b']],
    ['softmax', ({ a, b }) => multiply(softmax(a!), b!), ['a', 'b']],
    ['max', ({ a, b }) => multiply(max(a!, { axes: 1, keepDims: true }), b!), ['a', 'b']],
    [
      'slices',
      ({ a, b }) => multiply(concatenate([slice(a!, 1, 1), slice(b!, 1, 0, 1)], 1), split(a!, 0, [1, 1])[0]!),
      ['a', 'b'],
    ],
  ])('%s', async (_name, fn, names) => {
    // No two entries of `a` are close: max is smooth there.
    const inputs = { a: arrayOf([2, 3], 0.5, 0.9, 1.4, 1.2, 0.7, 0.6), b: randomArray([2, 3], 2, 0.5, 1.5) };
    const given = Object.fromEntries(names.map((name) => [name, inputs[name]]));
    expect(await gradientError(derivativeOf(fn, names), given)).toBeLessThan(2e-3);
  });

  it('is exact: x^3 -> 3 x^2 -> 6 x', async () => {
    const second = await evaluateOne(
      ({ x }) => {
        const first = gradients(sum(power(x!, 3)), [x!])[0]!;
        return gradients(sum(first), [x!])[0]!;
      },
      { x: arrayOf([2], 2, -1) },
    );
    expect(numbersOf(second)).toEqual([12, -6]);
  });
});

/** Operations on a 2 x 2 matrix that stay smooth and of the order of 1, whatever they are applied to. */
const steps: readonly ((a: Tensor, b: Tensor) => Tensor)[] = [
  add,
  subtract,
  (a, b) => multiply(tanh(a), b),
  (a) => sin(a),
  (a, b) => divide(a, add(square(b), 1)),
  (a, b) => multiply(matmul(a, b, { transposeA: true }), 0.5),
  (a, b) => matmul(softmax(a), b, { transposeB: true }),
  (a) => transpose(a),
  (a, b) => multiply(sigmoid(a), sum(b, { axes: 0, keepDims: true })),
  (a, b) => concatenate([slice(a, 0, 1), slice(b, 0, 0, 1)], 0),
  (a, b) => add(mean(a), tanh(b)),
  (a, b) => gather(add(a, b), gradientFreeIndices(a)),
];

/** Rows 1 and 1: one row used twice, the other not at all. */
function gradientFreeIndices(like: Tensor): Tensor {
  const ones = add(multiply(stopGradient(slice(like, 1, 0, 1)), 0), 1);
  return cast(sum(ones, { axes: 1 }), 'int64');
}

it('any small program of operations has the gradient its finite differences have', async () => {
  const step = fc.tuple(fc.nat(steps.length - 1), fc.nat(20), fc.nat(20));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), fc.nat(1000), async (program, seed) => {
      const fn: TracedFunction = ({ x, y }) => {
        const values = [x!, y!];
        for (const [operation, left, right] of program) {
          values.push(steps[operation]!(values[left % values.length]!, values[right % values.length]!));
        }
        // Every value counts, so that none of the program is dead.
        return values;
      };
      const inputs = { x: randomArray([2, 2], seed), y: randomArray([2, 2], seed + 1) };
      expect(await gradientError(fn, inputs, { seed })).toBeLessThan(5e-3);
    }),
    { numRuns: 40 },
  );
});

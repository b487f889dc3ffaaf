import { broadcastShapes, describeShape } from '../dimension.ts';
import { type DataType, isFloating } from '../dtype.ts';
import { ShapeError } from '../errors.ts';
import { elementTypeNumber } from '../onnx/schema.ts';
import { applySingle } from '../operation.ts';
import type { GradientSite, Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';
import { asTensor, type TensorLike } from './leaf.ts';

export { stopGradient } from './stop-gradient.ts';

import { sumToShape } from './broadcast.ts';

// ---- one operand -------------------------------------------------------------------------------------------------

type UnaryGradient = (outputGradient: Tensor, x: Tensor, y: Tensor) => Tensor;

function unary(name: string, operator: string, gradient: UnaryGradient): (x: Tensor) => Tensor {
  const operation: Operation<null> = {
    name,
    infer: ([x]) => {
      if (!isFloating(x!.dtype)) throw new ShapeError(name, `needs a floating type, got ${x!.dtype}`);
      return [x!];
    },
    gradient: ({ inputs, outputs, outputGradients }) => [
      gradient(outputGradients[0]!, inputs[0]!, outputs[0]!),
    ],
    lower: ({ graph, inputs, outputs }) => graph.node(operator, inputs, outputs),
  };
  return (x) => applySingle(operation, [x], null);
}

/** -x */
export const negate = unary('negate', 'Neg', (g) => negate(g));
/** e^x */
export const exp = unary('exp', 'Exp', (g, _x, y) => multiply(g, y));
/** Natural logarithm. */
export const log = unary('log', 'Log', (g, x) => divide(g, x));
/** Square root; its derivative at 0 is infinite. */
export const sqrt = unary('sqrt', 'Sqrt', (g, _x, y) => divide(multiply(g, 0.5), y));
/** 1 / x */
export const reciprocal = unary('reciprocal', 'Reciprocal', (g, _x, y) =>
  negate(multiply(g, multiply(y, y))),
);
/** |x|; the derivative at 0 is 0. */
export const abs = unary('abs', 'Abs', (g, x) => multiply(g, sign(x)));
/** -1, 0 or 1; the derivative is 0 everywhere. */
export const sign = unary('sign', 'Sign', (g) => multiply(g, 0));
/** Hyperbolic tangent. */
export const tanh = unary('tanh', 'Tanh', (g, _x, y) => multiply(g, subtract(1, multiply(y, y))));
/** 1 / (1 + e^-x) */
export const sigmoid = unary('sigmoid', 'Sigmoid', (g, _x, y) => multiply(g, multiply(y, subtract(1, y))));
/** Sine of radians. */
/** log(1 + e^x). */
export const softplus = unary('softplus', 'Softplus', (g, x) => multiply(g, sigmoid(x)));

export const sin = unary('sin', 'Sin', (g, x) => multiply(g, cos(x)));
/** Cosine of radians. */
export const cos = unary('cos', 'Cos', (g, x) => negate(multiply(g, sin(x))));
/** Gauss error function; derivative 2/sqrt(pi) e^(-x^2). */
export const erf = unary('erf', 'Erf', (g, x) =>
  multiply(g, multiply(2 / Math.sqrt(Math.PI), exp(negate(multiply(x, x))))),
);
/** max(x, 0); the derivative at 0 is 0. */
export const relu = unary('relu', 'Relu', (g, x) => multiply(g, cast(greater(x, 0), x.dtype)));

/** x^2 */
export function square(x: Tensor): Tensor {
  return multiply(x, x);
}

// ---- two operands, broadcast by NumPy's rule ---------------------------------------------------------------------

type Admits = 'numbers' | 'bools' | 'both';

function inferBinary(name: string, admits: Admits, dtype?: DataType) {
  return ([a, b]: readonly TensorType[]): readonly TensorType[] => {
    const refused = [a!, b!].find(
      (operand) => admits !== 'both' && (operand.dtype === 'bool') !== (admits === 'bools'),
    );
    if (refused !== undefined)
      throw new ShapeError(name, `takes ${admits}, got ${refused.dtype}; cast() it first`);
    if (a!.dtype !== b!.dtype) {
      throw new ShapeError(name, `element types ${a!.dtype} and ${b!.dtype} do not mix; cast() one of them`);
    }
    const shape = broadcastShapes(a!.shape, b!.shape);
    if (shape === undefined) {
      throw new ShapeError(
        name,
        `shapes ${describeShape(a!.shape)} and ${describeShape(b!.shape)} do not broadcast`,
      );
    }
    return [{ dtype: dtype ?? a!.dtype, shape }];
  };
}

type BinaryFunction = (a: TensorLike, b: TensorLike) => Tensor;
type BinaryGradient = (g: Tensor, a: Tensor, b: Tensor, y: Tensor) => Tensor;

function applyBinary(operation: Operation<null>): BinaryFunction {
  return (a, b) => {
    const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32';
    return applySingle(operation, [asTensor(a, dtype), asTensor(b, dtype)], null);
  };
}

function binary(name: string, operator: string, left: BinaryGradient, right: BinaryGradient): BinaryFunction {
  const side = (site: GradientSite<null>, index: 0 | 1, rule: BinaryGradient) => {
    if (!site.wants(index)) return undefined;
    const [a, b] = site.inputs;
    return sumToShape(rule(site.outputGradients[0]!, a!, b!, site.outputs[0]!), site.inputs[index]!.shape);
  };
  return applyBinary({
    name,
    infer: inferBinary(name, 'numbers'),
    gradient: (site) => [side(site, 0, left), side(site, 1, right)],
    lower: ({ graph, inputs, outputs }) => graph.node(operator, inputs, outputs),
  });
}

/** a + b */
export const add = binary(
  'add',
  'Add',
  (g) => g,
  (g) => g,
);
/** a - b */
export const subtract = binary(
  'subtract',
  'Sub',
  (g) => g,
  (g) => negate(g),
);
/** a * b, element by element */
export const multiply = binary(
  'multiply',
  'Mul',
  (g, _a, b) => multiply(g, b),
  (g, a) => multiply(g, a),
);
/** a / b */
export const divide = binary(
  'divide',
  'Div',
  (g, _a, b) => divide(g, b),
  (g, _a, b, y) => negate(divide(multiply(g, y), b)),
);
/** The larger of a and b; where they are equal each gets half of the gradient. */
export const maximum = binary(
  'maximum',
  'Max',
  (g, a, b) => multiply(g, shareOfGreater(a, b)),
  (g, a, b) => multiply(g, shareOfGreater(b, a)),
);
/** The smaller of a and b; where they are equal each gets half of the gradient. */
export const minimum = binary(
  'minimum',
  'Min',
  (g, a, b) => multiply(g, shareOfGreater(b, a)),
  (g, a, b) => multiply(g, shareOfGreater(a, b)),
);

/** 1 where a > b, 1/2 where they are equal, else 0. */
function shareOfGreater(a: Tensor, b: Tensor): Tensor {
  return multiply(add(sign(subtract(a, b)), 1), 0.5);
}

/** x^exponent for a constant exponent; derivative exponent x^(exponent - 1). */
export function power(x: Tensor, exponent: number): Tensor {
  return applySingle(powerOperation, [x], { exponent });
}

const powerOperation: Operation<{ exponent: number }> = {
  name: 'power',
  infer: ([x]) => {
    if (!isFloating(x!.dtype)) throw new ShapeError('power', `needs a floating type, got ${x!.dtype}`);
    return [x!];
  },
  gradient: ({ inputs, outputGradients, attributes: { exponent } }) => [
    // x^0 is constant, also at 0, where 0 x^-1 would be undefined.
    multiply(outputGradients[0]!, exponent === 0 ? 0 : multiply(exponent, power(inputs[0]!, exponent - 1))),
  ],
  lower: ({ graph, inputs, inputTypes, outputs, attributes }) =>
    graph.node('Pow', [inputs[0]!, graph.scalar(attributes.exponent, inputTypes[0]!.dtype)], outputs),
};

// ---- comparison and choice ---------------------------------------------------------------------------------------

function comparison(name: string, operator: string, admits: Admits = 'numbers'): BinaryFunction {
  return applyBinary({
    name,
    infer: inferBinary(name, admits, 'bool'),
    gradient: () => [undefined, undefined],
    lower: ({ graph, inputs, outputs }) => graph.node(operator, inputs, outputs),
  });
}

/** a = b, as bool. */
export const equal = comparison('equal', 'Equal', 'both');
/** a < b, as bool. */
export const less = comparison('less', 'Less');
/** a <= b, as bool. */
export const lessOrEqual = comparison('lessOrEqual', 'LessOrEqual');
/** a > b, as bool. */
export const greater = comparison('greater', 'Greater');
/** a >= b, as bool. */
export const greaterOrEqual = comparison('greaterOrEqual', 'GreaterOrEqual');
/** Both of two bools. */
export const logicalAnd = comparison('logicalAnd', 'And', 'bools');

/** `a` where `condition` (bool) holds, else `b`; broadcast together. */
export function where(condition: Tensor, a: TensorLike, b: TensorLike): Tensor {
  const dtype = typeof a !== 'number' ? a.dtype : typeof b !== 'number' ? b.dtype : 'float32';
  return applySingle(whereOperation, [condition, asTensor(a, dtype), asTensor(b, dtype)], null);
}

const whereOperation: Operation<null> = {
  name: 'where',
  infer: ([condition, a, b]) => {
    if (condition!.dtype !== 'bool') {
      throw new ShapeError('where', `the condition is ${condition!.dtype}, must be bool`);
    }
    const [value] = inferBinary('where', 'both')([a!, b!]);
    const shape = broadcastShapes(condition!.shape, value!.shape);
    if (shape === undefined) {
      throw new ShapeError(
        'where',
        `condition ${describeShape(condition!.shape)} and values ${describeShape(value!.shape)} do not broadcast`,
      );
    }
    return [{ dtype: value!.dtype, shape }];
  },
  gradient: (site) => {
    const [condition, a, b] = site.inputs;
    const g = site.outputGradients[0]!;
    return [
      undefined,
      site.wants(1) ? sumToShape(where(condition!, g, 0), a!.shape) : undefined,
      site.wants(2) ? sumToShape(where(condition!, 0, g), b!.shape) : undefined,
    ];
  },
  lower: ({ graph, inputs, outputs }) => graph.node('Where', inputs, outputs),
};

/** The same numbers in another element type. Gradients flow between floating types only. */
export function cast(x: Tensor, dtype: DataType): Tensor {
  return x.dtype === dtype ? x : applySingle(castOperation, [x], { dtype });
}

const castOperation: Operation<{ dtype: DataType }> = {
  name: 'cast',
  infer: ([x], { dtype }) => [{ dtype, shape: x!.shape }],
  gradient: ({ inputs, outputGradients }) => [
    isFloating(inputs[0]!.dtype) ? cast(outputGradients[0]!, inputs[0]!.dtype) : undefined,
  ],
  lower: ({ graph, inputs, outputs, attributes }) =>
    graph.node('Cast', inputs, outputs, { to: { int: elementTypeNumber(attributes.dtype) } }),
};

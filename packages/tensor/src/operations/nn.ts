import { describeShape } from '../dimension.ts';
import { ShapeError } from '../errors.ts';
import { applyOperation, applySingle, requireDtype, resolveAxis, withDimension } from '../operation.ts';
import type { Operation, Tensor } from '../tensor.ts';
import { sum, sumToShape } from './broadcast.ts';
import {
  add,
  divide,
  erf,
  exp,
  log,
  multiply,
  reciprocal,
  sigmoid,
  sqrt,
  stopGradient,
  subtract,
  tanh,
} from './elementwise.ts';
import { countAlong, max, mean } from './reduce.ts';
import { reshape, zeros } from './shape.ts';

export { rotary } from './rotary.ts';

/** x sigmoid(x) (swish). */
export function silu(x: Tensor): Tensor {
  return multiply(x, sigmoid(x));
}

/** x Phi(x), exact through the error function. */
export function gelu(x: Tensor): Tensor {
  return multiply(multiply(x, 0.5), add(erf(multiply(x, Math.SQRT1_2)), 1));
}

/**
 * x Phi(x) with Phi by a hyperbolic tangent (Hendrycks and Gimpel 2016, arXiv 1606.08415): x / 2 (1 + tanh(sqrt(2 / pi)
 * (x + 0.044715 x^3))). transformers' `gelu_pytorch_tanh` and `gelu_new`.
 */
export function geluTanh(x: Tensor): Tensor {
  return applySingle(geluTanhOperation, [x], null);
}

const geluTanhOperation: Operation<null> = {
  name: 'geluTanh',
  infer: ([x]) => {
    requireDtype('geluTanh', [x!], 'float32');
    return [x!];
  },
  gradient: ({ inputs, outputGradients }) => {
    const x = inputs[0]!;
    const slope = Math.sqrt(2 / Math.PI);
    const cubic = 0.044715 * slope;
    const squared = multiply(x, x);
    const t = tanh(multiply(x, add(multiply(squared, cubic), slope)));
    const ofInner = add(multiply(squared, 3 * cubic), slope);
    const ofTanh = multiply(multiply(x, subtract(1, multiply(t, t))), ofInner);
    return [multiply(outputGradients[0]!, multiply(add(add(t, 1), ofTanh), 0.5))];
  },
  lower: ({ graph, inputs, outputs }) => graph.node('FastGelu', inputs, outputs, {}, 'com.microsoft'),
};

/** e^x_i / sum_j e^x_j along `axis`. */
export function softmax(x: Tensor, axis = -1): Tensor {
  return applySingle(softmaxOperation, [x], { axis: resolveAxis('softmax', axis, x.rank) });
}

const softmaxOperation: Operation<{ axis: number }> = {
  name: 'softmax',
  infer: ([x]) => {
    requireDtype('softmax', [x!], 'float32');
    return [x!];
  },
  gradient: ({ outputs, outputGradients, attributes: { axis } }) => {
    const [g, y] = [outputGradients[0]!, outputs[0]!];
    return [multiply(y, subtract(g, sum(multiply(g, y), { axes: axis, keepDims: true })))];
  },
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('Softmax', inputs, outputs, { axis: { int: axis } }),
};

/** log softmax(x) along `axis`, without overflow. */
export function logSoftmax(x: Tensor, axis = -1): Tensor {
  return applySingle(logSoftmaxOperation, [x], { axis: resolveAxis('logSoftmax', axis, x.rank) });
}

const logSoftmaxOperation: Operation<{ axis: number }> = {
  name: 'logSoftmax',
  infer: ([x]) => {
    requireDtype('logSoftmax', [x!], 'float32');
    return [x!];
  },
  gradient: ({ outputs, outputGradients, attributes: { axis } }) => {
    const [g, y] = [outputGradients[0]!, outputs[0]!];
    return [subtract(g, multiply(exp(y), sum(g, { axes: axis, keepDims: true })))];
  },
  lower: ({ graph, inputs, outputs, attributes: { axis } }) =>
    graph.node('LogSoftmax', inputs, outputs, { axis: { int: axis } }),
};

/** log sum_j e^x_j along `axis` (which is removed), without overflow. */
export function logSumExp(x: Tensor, axis = -1): Tensor {
  const axes = resolveAxis('logSumExp', axis, x.rank);
  // The shift cancels: it needs no gradient.
  const largest = stopGradient(max(x, { axes, keepDims: true }));
  const total = sum(exp(subtract(x, largest)), { axes, keepDims: true });
  const result = add(log(total), largest);
  return reshape(
    result,
    x.shape.filter((_, at) => at !== axes),
  );
}

/**
 * Root-mean-square normalisation over the last axis (Zhang and Sennrich 2019): weight * x / sqrt(mean(x^2) + epsilon).
 * `weight` has the extent of the last axis.
 */
export function rmsNorm(x: Tensor, weight: Tensor, epsilon: number): Tensor {
  return applyOperation(rmsNormOperation, [x, weight], { epsilon })[0]!;
}

/** The second output is the inverse deviation 1 / sqrt(mean(x^2) + epsilon), which the derivative reuses. */
const rmsNormOperation: Operation<{ epsilon: number }> = {
  name: 'rmsNorm',
  infer: ([x, weight]) => {
    requireDtype('rmsNorm', [x!, weight!], 'float32');
    const last = x!.shape[x!.shape.length - 1];
    if (weight!.shape.length !== 1 || weight!.shape[0] !== last) {
      throw new ShapeError(
        'rmsNorm',
        `weight ${describeShape(weight!.shape)} does not fit the last axis of ${describeShape(x!.shape)}`,
      );
    }
    return [x!, { dtype: 'float32', shape: withDimension(x!.shape, x!.shape.length - 1, 1) }];
  },
  gradient: ({ inputs, outputs, outputGradients, wants }) => {
    const [x, weight] = inputs as [Tensor, Tensor];
    const [g, deviationGradient] = [outputGradients[0] ?? zeros(x), outputGradients[1]];
    const normalised = multiply(x, outputs[1]!);
    const scaled = multiply(g, weight);
    const projection = mean(multiply(scaled, normalised), { axes: -1, keepDims: true });
    // The second output is reached when this derivative is itself differentiated: d(1/s)/dx = -x / (n s^3).
    const through =
      deviationGradient === undefined
        ? projection
        : add(projection, divide(multiply(deviationGradient, outputs[1]!), countAlong(x, [-1])));
    return [
      wants(0) ? multiply(subtract(scaled, multiply(normalised, through)), outputs[1]!) : undefined,
      wants(1) ? sumToShape(multiply(g, normalised), weight.shape) : undefined,
    ];
  },
  lower: ({ graph, inputs, outputs, attributes: { epsilon } }) =>
    graph.node('SimplifiedLayerNormalization', inputs, outputs, {
      axis: { int: -1 },
      epsilon: { float: epsilon },
      stash_type: { int: 1 },
    }),
};

/**
 * Layer normalisation over the last axis (Ba et al. 2016): weight * (x - mean(x)) / sqrt(var(x) + epsilon) + bias, the
 * variance over n. `weight` and `bias` have the extent of the last axis.
 */
export function layerNorm(x: Tensor, weight: Tensor, bias: Tensor, epsilon: number): Tensor {
  return applyOperation(layerNormOperation, [x, weight, bias], { epsilon })[0]!;
}

const layerNormOperation: Operation<{ epsilon: number }> = {
  name: 'layerNorm',
  infer: ([x, weight, bias]) => {
    requireDtype('layerNorm', [x!, weight!, bias!], 'float32');
    const last = x!.shape[x!.shape.length - 1];
    for (const vector of [weight!, bias!]) {
      if (vector.shape.length === 1 && vector.shape[0] === last) continue;
      throw new ShapeError(
        'layerNorm',
        `weight ${describeShape(weight!.shape)} and bias ${describeShape(bias!.shape)} do not both fit the last axis of ${describeShape(x!.shape)}`,
      );
    }
    return [x!];
  },
  gradient: ({ inputs, outputGradients, wants, attributes: { epsilon } }) => {
    const [x, weight, bias] = inputs as [Tensor, Tensor, Tensor];
    const g = outputGradients[0]!;
    const along = { axes: -1, keepDims: true };
    const centred = subtract(x, mean(x, along));
    const inverse = reciprocal(sqrt(add(mean(multiply(centred, centred), along), epsilon)));
    const normalised = multiply(centred, inverse);
    const scaled = multiply(g, weight);
    const projection = multiply(normalised, mean(multiply(scaled, normalised), along));
    return [
      wants(0) ? multiply(subtract(subtract(scaled, mean(scaled, along)), projection), inverse) : undefined,
      wants(1) ? sumToShape(multiply(g, normalised), weight.shape) : undefined,
      wants(2) ? sumToShape(g, bias.shape) : undefined,
    ];
  },
  lower: ({ graph, inputs, outputs, attributes: { epsilon } }) =>
    graph.node('LayerNormalization', inputs, outputs, { axis: { int: -1 }, epsilon: { float: epsilon } }),
};

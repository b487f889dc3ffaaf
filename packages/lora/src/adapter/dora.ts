import {
  add,
  divide,
  matmul,
  multiply,
  reshape,
  sqrt,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import type { LinearFunction, LinearLayer, LinearWeights } from './linear.ts';
import { addLowRankUpdate, type LowRankFactors } from './low-rank-update.ts';

/** What a linear layer under DoRA is computed from. */
export interface DoraLayer {
  /** [..., in] */
  readonly x: Tensor;
  /** The same with some of its features dropped; `x` itself when nothing is. */
  readonly dropped: Tensor;
  readonly layer: LinearLayer;
  readonly weights: LinearWeights;
  readonly factors: LowRankFactors;
  /** The norms m, [out]. */
  readonly magnitude: Tensor;
  /** The layer without its update. */
  readonly base: LinearFunction;
}

/**
 * DoRA (Liu et al. 2024, arXiv 2402.09353, equation 5): row o of W + scale B A, scaled to the norm m_o, as the weight. The
 * norm it had takes no part in the gradient (section 4.3), as in PEFT. Under dropout, PEFT's layer gives
 * `W x + (m / norm - 1) W x_dropped + m / norm scale B A x_dropped`.
 */
export function doraLinear({ x, dropped, layer, weights, factors, magnitude, base }: DoraLayer): Tensor {
  const { bias, ...unbiased } = weights;
  const factor = divide(magnitude, rowNorms(weights.weight, factors));
  const product = base(dropped, layer, unbiased);
  const scaled = multiply(addLowRankUpdate(product, dropped, factors), factor);
  const withRest = dropped === x ? scaled : add(scaled, subtract(base(x, layer, unbiased), product));
  return bias === undefined ? withRest : add(withRest, bias);
}

/**
 * Norms of the rows of W + scale B A, [out], without forming it: |w|^2 + 2 scale b (W A^T)^T + scale^2 b (A A^T) b^T for
 * each row w and its row b of B.
 */
function rowNorms(weight: Tensor, { a, b, scale }: LowRankFactors): Tensor {
  const [fixedA, fixedB] = [stopGradient(a), stopGradient(b)];
  const squares = sum(square(weight), { axes: 1 });
  const crossed = matmul(weight, fixedA, { transposeB: true });
  return normsOf(squares, crossed, fixedA, fixedB, scale);
}

/** m / norm for the columns of a table W + scale (B A)^T, [hidden]: DoRA of an embedding, whose rows are tokens. */
export function doraColumnFactor(table: Tensor, { a, b, scale }: LowRankFactors, magnitude: Tensor): Tensor {
  const [fixedA, fixedB] = [stopGradient(a), stopGradient(b)];
  const squares = sum(square(table), { axes: 0 });
  const crossed = matmul(table, fixedA, { transposeA: true, transposeB: true });
  return divide(magnitude, normsOf(squares, crossed, fixedA, fixedB, scale));
}

function normsOf(squares: Tensor, crossed: Tensor, a: Tensor, b: Tensor, scale: number): Tensor {
  const inner = matmul(b, matmul(a, a, { transposeB: true }));
  const mixed = add(multiply(crossed, 2 * scale), multiply(inner, scale * scale));
  const total = add(squares, sum(multiply(mixed, b), { axes: 1 }));
  return stopGradient(sqrt(reshape(total, [b.shape[0]!])));
}

import { GradientError } from './errors.ts';
import { applySingle } from './operation.ts';
import { after } from './operations/order.ts';
import type { Operation, Tensor } from './tensor.ts';

/**
 * `x`, marked as worth its memory: a `checkpoint` of `recompute: 'unkept'` around the call keeps this value for the
 * backward pass and computes only the rest again. Right for large products, whose inputs are dear to multiply again;
 * elsewhere it does nothing.
 */
export function keep(x: Tensor): Tensor {
  return marks === undefined ? x : marks(x);
}

/** What is done with the values that the function being traced marks; undefined: nothing. */
let marks: ((x: Tensor) => Tensor) | undefined;

function tracing<Result>(mark: ((x: Tensor) => Tensor) | undefined, fn: () => Result): Result {
  const before = marks;
  marks = mark;
  try {
    return fn();
  } finally {
    marks = before;
  }
}

/** Traces `fn`, collecting in order what it marks. */
export function collectKept<Result>(fn: () => Result): { readonly result: Result; readonly kept: Tensor[] } {
  const kept: Tensor[] = [];
  const result = tracing((x) => {
    kept.push(x);
    return x;
  }, fn);
  return { result, kept };
}

/** Traces `fn` with nothing kept. */
export function withoutKeeping<Result>(fn: () => Result): Result {
  return tracing(undefined, fn);
}

/**
 * Traces `fn` again with the values it marked before in the places where it marks: gradients go into the new trace,
 * what only led to these values is not computed.
 *
 * @param earlier what must be computed before the values are used again
 * @throws GradientError when `fn` does not mark what it marked before.
 */
export function replayKept<Result>(
  fn: () => Result,
  kept: readonly Tensor[],
  earlier: readonly Tensor[],
): Result {
  let next = 0;
  const result = tracing((x) => {
    const value = kept[next++];
    // The barrier keeps what is computed from the value apart from the first computation, with which it would be merged.
    return value === undefined ? x : applySingle(keptOperation, [x, after(value, earlier)], null);
  }, fn);
  if (next === kept.length) return result;
  throw new GradientError(
    `a checkpointed function kept ${kept.length} values when traced, and ${next} when traced again; it must be pure`,
  );
}

/** The value of the second input; the gradient is the first one's. */
export const keptOperation: Operation<null> = {
  name: 'kept',
  passesOn: 1,
  infer: ([x]) => [x!],
  gradient: ({ outputGradients }) => [outputGradients[0], undefined],
  lower: ({ graph, inputs, outputs }) => graph.node('Identity', [inputs[1]!], outputs),
};

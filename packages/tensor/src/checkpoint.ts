import { isFloating } from './dtype.ts';
import { ancestorsSince, pullBackPartially } from './grad.ts';
import { collectKept, replayKept, withoutKeeping } from './keep.ts';
import { applyOperation, nextTraceId } from './operation.ts';
import { after } from './operations/order.ts';
import type { Operation, Tensor } from './tensor.ts';

export interface CheckpointOptions {
  /**
   * What of the inside is computed again in the backward pass, instead of living until then:
   *
   * - `all` (default): every intermediate value;
   * - `unkept`: those that the function does not mark with `keep`;
   * - `none`: only the order is arranged: gradients of captured tensors are computed before the backward pass leaves
   *   the inside.
   */
  readonly recompute?: Recomputation;
}

export type Recomputation = 'all' | 'unkept' | 'none';

interface CheckpointAttributes {
  readonly fn: (...inputs: Tensor[]) => readonly Tensor[];
  /** Id of the first node that tracing `fn` recorded. */
  readonly firstId: number;
  readonly resultCount: number;
  readonly inputCount: number;
  readonly recompute: Recomputation;
  /** Values that `fn` marked, in order; only with 'unkept'. */
  readonly kept: readonly Tensor[];
}

/**
 * `fn(...inputs)`, arranged so that memory is bounded: intermediate values of `fn` do not live until the backward
 * pass, which computes them again (rematerialisation; Chen et al. 2016, arXiv 1604.06174). Tensors that `fn` uses
 * without taking them as inputs (weights, adapters) get their gradients too.
 *
 * @param fn a pure tracing function; called once now, and once more for each backward pass
 * @param inputs such as the residual stream. What is made from float32 ones is computed again; what comes from others
 * alone, such as token ids, is not
 */
export function checkpoint(
  fn: (...inputs: Tensor[]) => readonly Tensor[],
  inputs: readonly Tensor[],
  options: CheckpointOptions = {},
): readonly Tensor[] {
  const recompute = options.recompute ?? 'all';
  const firstId = nextTraceId();
  const { results, kept } = traceFirst(fn, inputs, recompute);
  const captured = capturedTensors(results, inputs, firstId);
  return applyOperation(checkpointOperation, [...results, ...inputs, ...captured], {
    fn,
    firstId,
    resultCount: results.length,
    inputCount: inputs.length,
    recompute,
    kept,
  });
}

function traceFirst(fn: CheckpointAttributes['fn'], inputs: readonly Tensor[], recompute: Recomputation) {
  switch (recompute) {
    case 'all':
      return { results: withoutKeeping(() => fn(...inputs)), kept: [] };
    case 'unkept': {
      const { result: results, kept } = collectKept(() => fn(...inputs));
      return { results, kept };
    }
    case 'none':
      return { results: fn(...inputs), kept: [] };
  }
}

/** Float tensors traced before `fn` was called that it uses besides its inputs. */
function capturedTensors(results: readonly Tensor[], inputs: readonly Tensor[], firstId: number): Tensor[] {
  const inside = ancestorsSince(
    firstId,
    results.map((result) => result.node),
  );
  const used = new Set(inside.flatMap((node) => node.inputs));
  return [...used].filter(
    (tensor) => tensor.node.id < firstId && isFloating(tensor.dtype) && !inputs.includes(tensor),
  );
}

const checkpointOperation: Operation<CheckpointAttributes> = {
  name: 'checkpoint',
  passesOn: 0,
  infer: (types, { resultCount }) => types.slice(0, resultCount),
  gradient: (site) => {
    const { fn, resultCount, inputCount, recompute, kept } = site.attributes;
    const recomputes = recompute !== 'none';
    const arrived = site.outputGradients.filter((gradient) => gradient !== undefined);
    const inputs = site.inputs.slice(resultCount, resultCount + inputCount);
    const captured = site.inputs.slice(resultCount + inputCount);
    const fresh = recomputes
      ? inputs.map((tensor) => (tensor.dtype === 'float32' ? after(tensor, arrived) : tensor))
      : inputs;
    const firstId = recomputes ? nextTraceId() : site.attributes.firstId;
    const again = () => fn(...fresh);
    const results = {
      all: () => withoutKeeping(again),
      unkept: () => replayKept(again, kept, arrived),
      none: () => site.inputs.slice(0, resultCount),
    }[recompute]();
    const cotangents = results.flatMap((output, index) => {
      const gradient = site.outputGradients[index];
      return gradient === undefined ? [] : [{ output, gradient }];
    });
    const wanted = [...fresh, ...captured].map((tensor, index) =>
      site.wants(resultCount + index) ? tensor : undefined,
    );
    const found = pullBackPartially(
      cotangents,
      wanted.filter((tensor) => tensor !== undefined),
      firstId,
    );
    const gradients = wanted.map((tensor) => (tensor === undefined ? undefined : found.get(tensor)));
    const others = (index: number) =>
      gradients.filter((gradient, other) => gradient !== undefined && other !== index) as Tensor[];
    return [
      ...site.inputs.slice(0, resultCount).map(() => undefined),
      // Whoever goes on with one waits for all: nothing of the inside lives on for the sake of a gradient not yet taken.
      ...gradients.map((gradient, index) =>
        gradient !== undefined && index < inputCount ? after(gradient, others(index)) : gradient,
      ),
    ];
  },
  lower: ({ graph, inputs, outputs }) => {
    outputs.forEach((output, index) => {
      graph.node('Identity', [inputs[index]!], [output]);
    });
  },
};

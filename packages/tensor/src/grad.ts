import { describeShape, sameShape } from './dimension.ts';
import { isFloating } from './dtype.ts';
import { GradientError } from './errors.ts';
import { add } from './operations/elementwise.ts';
import { scalar } from './operations/leaf.ts';
import { zeros } from './operations/shape.ts';
import { stopGradientOperation } from './operations/stop-gradient.ts';
import type { Tensor, TraceNode } from './tensor.ts';

export interface GradientOptions {
  /** What a tensor gets that the value does not depend on. Default 'error': nothing trains by accident with no gradient. */
  readonly unused?: 'error' | 'zeros';
}

/** Gradient that arrives at a traced tensor from outside, to start the backward walk with. */
export interface Cotangent {
  readonly output: Tensor;
  readonly gradient: Tensor;
}

/**
 * Gradients of a traced scalar with respect to traced tensors: reverse mode, graph to graph. The result is more
 * graph, which runs in the same session as the forward pass.
 *
 * @throws GradientError when `value` is not a float scalar, when an operation on the way cannot be differentiated, or
 * (by default) when `value` does not depend on one of the tensors.
 */
export function gradients(
  value: Tensor,
  withRespectTo: readonly Tensor[],
  options: GradientOptions = {},
): Tensor[] {
  if (value.rank !== 0 || !isFloating(value.dtype)) {
    throw new GradientError(
      `the gradient of ${value} was asked; it needs a float scalar: reduce it, for example with sum() or mean()`,
    );
  }
  return pullBack([{ output: value, gradient: scalar(1, value.dtype) }], withRespectTo, options);
}

/** Vector-Jacobian product: pulls given gradients of outputs back to `withRespectTo`. Errors as {@link gradients}. */
export function pullBack(
  cotangents: readonly Cotangent[],
  withRespectTo: readonly Tensor[],
  options: GradientOptions = {},
): Tensor[] {
  const found = pullBackPartially(cotangents, withRespectTo);
  return withRespectTo.map((tensor) => {
    const gradient = found.get(tensor);
    if (gradient !== undefined) return gradient;
    if (options.unused === 'zeros') return zeros(tensor);
    throw new GradientError(`${whyNone(cotangents, tensor)}: it would train with no gradient`);
  });
}

/** Says where on the way to `tensor` the gradient ends. */
function whyNone(cotangents: readonly Cotangent[], tensor: Tensor): string {
  const nodes = ancestors(cotangents.map(({ output }) => output.node));
  const active = dependents(nodes, [tensor]);
  const ends = nodes.filter(
    ({ inputs, outputs }) =>
      inputs.some((input) => active.has(input)) && !outputs.some((output) => active.has(output)),
  );
  const names = [...new Set(ends.map(({ operation }) => operation.name))];
  if (names.length === 0) return `the value does not depend on ${tensor}`;
  const pass = names.length === 1 ? 'passes' : 'pass';
  return `the value depends on ${tensor} only through ${names.join(', ')}, which ${pass} no gradient`;
}

/**
 * {@link pullBack}, leaving out the tensors that no gradient reaches, and walking only nodes traced since `firstId`:
 * what lies before is somebody else's to differentiate.
 */
export function pullBackPartially(
  cotangents: readonly Cotangent[],
  withRespectTo: readonly Tensor[],
  firstId = 0,
): ReadonlyMap<Tensor, Tensor> {
  const nodes = ancestorsSince(
    firstId,
    cotangents.map(({ output }) => output.node),
  );
  const active = dependents(nodes, withRespectTo);
  const arrived = new Map<Tensor, Tensor>();
  const accumulate = (tensor: Tensor, gradient: Tensor, giver: string) => {
    if (tensor.dtype !== gradient.dtype || !sameShape(tensor.shape, gradient.shape)) {
      throw new GradientError(
        `${giver} gives a gradient ${gradient.dtype}${describeShape(gradient.shape)} for ${tensor}`,
      );
    }
    const sofar = arrived.get(tensor);
    arrived.set(tensor, sofar === undefined ? gradient : add(sofar, gradient));
  };
  for (const { output, gradient } of cotangents) accumulate(output, gradient, 'the cotangent');

  for (const node of nodes.reverse()) {
    const reached = node.outputs.some((output) => arrived.has(output));
    if (!reached || !node.inputs.some((input) => active.has(input))) continue;
    const { operation } = node;
    if (operation.gradient === undefined) {
      throw new GradientError(
        `${operation.name} cannot be differentiated, but a gradient is wanted through it`,
      );
    }
    const contributions = operation.gradient({
      inputs: node.inputs,
      outputs: node.outputs,
      attributes: node.attributes as never,
      outputGradients: node.outputs.map((output) => arrived.get(output)),
      wants: (index) => active.has(node.inputs[index]!),
    });
    node.inputs.forEach((input, index) => {
      const contribution = contributions[index];
      if (contribution !== undefined && active.has(input)) accumulate(input, contribution, operation.name);
    });
  }
  return arrived;
}

/**
 * The nodes behind `roots`, in the order of tracing.
 *
 * @param inputsOf which inputs of a node to follow. Default: all
 */
export function ancestors(
  roots: readonly TraceNode[],
  inputsOf: (node: TraceNode) => readonly Tensor[] = ({ inputs }) => inputs,
): TraceNode[] {
  const found = new Set<TraceNode>();
  const stack = [...roots];
  for (let node = stack.pop(); node !== undefined; node = stack.pop()) {
    if (found.has(node)) continue;
    found.add(node);
    for (const input of inputsOf(node)) stack.push(input.node);
  }
  return [...found].sort((a, b) => a.id - b.id);
}

/** {@link ancestors}, as far back as the node `firstId`; what lies before, often a deep network, is not walked. */
export function ancestorsSince(
  firstId: number,
  roots: readonly TraceNode[],
  inputsOf: (node: TraceNode) => readonly Tensor[] = ({ inputs }) => inputs,
): TraceNode[] {
  return ancestors(roots, (node) => (node.id < firstId ? [] : inputsOf(node))).filter(
    ({ id }) => id >= firstId,
  );
}

/** The float tensors of `nodes` that depend on one of `sources` (the sources included). */
function dependents(nodes: readonly TraceNode[], sources: readonly Tensor[]): Set<Tensor> {
  const active = new Set<Tensor>(sources);
  for (const node of nodes) {
    const isConstant = (node.operation as unknown) === stopGradientOperation;
    if (isConstant || !node.inputs.some((input) => active.has(input))) continue;
    for (const output of node.outputs) if (isFloating(output.dtype)) active.add(output);
  }
  return active;
}

/** Traced tensors by name. */
export type NamedTensors = Readonly<Record<string, Tensor>>;

/**
 * The function that computes a traced scalar function's value and its gradients with respect to every tensor of its
 * first argument.
 *
 * @example
 * const step = valueAndGrad(({ w }, x: Tensor) => sum(square(matmul(x, w))));
 * const { value, gradients } = step({ w }, x);
 */
export function valueAndGrad<Parameters extends NamedTensors, Rest extends readonly unknown[]>(
  fn: (parameters: Parameters, ...rest: Rest) => Tensor,
  options: GradientOptions = {},
): (
  parameters: Parameters,
  ...rest: Rest
) => { value: Tensor; gradients: { [Name in keyof Parameters]: Tensor } } {
  return (parameters, ...rest) => {
    const value = fn(parameters, ...rest);
    const names = Object.keys(parameters);
    const found = gradients(value, Object.values(parameters), options);
    return {
      value,
      gradients: Object.fromEntries(names.map((name, index) => [name, found[index]])) as {
        [Name in keyof Parameters]: Tensor;
      },
    };
  };
}

/** {@link valueAndGrad}, gradients only. */
export function grad<Parameters extends NamedTensors, Rest extends readonly unknown[]>(
  fn: (parameters: Parameters, ...rest: Rest) => Tensor,
  options: GradientOptions = {},
): (parameters: Parameters, ...rest: Rest) => { [Name in keyof Parameters]: Tensor } {
  const both = valueAndGrad(fn, options);
  return (parameters, ...rest) => both(parameters, ...rest).gradients;
}

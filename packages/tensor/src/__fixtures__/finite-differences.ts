import { compile, type Executable, type Signature } from '../compile.ts';
import { isFloating } from '../dtype.ts';
import { gradients } from '../grad.ts';
import { type HostArray, hostArray } from '../host-array.ts';
import { add, multiply } from '../operations/elementwise.ts';
import { sum } from '../operations/reduce.ts';
import type { Tensor } from '../tensor.ts';
import { signatureOf } from './evaluate.ts';
import { randomArray } from './random-array.ts';

/** A traced function under test: any inputs, one output or several. */
export type TracedFunction = (inputs: Readonly<Record<string, Tensor>>) => Tensor | readonly Tensor[];

export interface FiniteDifferenceOptions {
  /** Half the distance of the two points of a difference. Default 1e-2, which suits float32 at values around 1. */
  readonly step?: number;
  /** Seed of the random cotangents. Default 1. */
  readonly seed?: number;
  /** Inputs to differentiate. Default: all floating ones. */
  readonly withRespectTo?: readonly string[];
  /** Types under which to compile; default: the arrays' own shapes. */
  readonly signature?: Signature;
}

/**
 * How far {@link gradients} is from central differences: for the scalar sum_k <cotangent_k, output_k> with random
 * cotangents, the largest over the inputs of |g - d| / max(|g|, |d|, 1e-2), |.| being the Euclidean norm.
 *
 * Differences are of fourth order, (8 (f(x+h) - f(x-h)) - (f(x+2h) - f(x-2h))) / 12h (Fornberg 1988): the step can be
 * large enough for float32's rounding not to show. Both sides run as compiled sessions; the scalar is summed in
 * float64 here.
 */
export async function gradientError(
  fn: TracedFunction,
  inputs: Readonly<Record<string, HostArray>>,
  { step = 1e-2, seed = 1, signature: types = signatureOf(inputs), ...options }: FiniteDifferenceOptions = {},
): Promise<number> {
  const wanted =
    options.withRespectTo ?? Object.keys(inputs).filter((name) => isFloating(types[name]!.dtype));

  const forward = await compile((tensors) => named('output', listed(fn(tensors))), types);
  const values = (await forward.run(inputs)) as Record<string, HostArray>;
  const cotangents = Object.fromEntries(
    Object.entries(values).map(([name, { data, shape }], index) => {
      const { data: random } = randomArray(shape, seed + index);
      const typed = data instanceof Float64Array ? Float64Array.from(random as Float32Array) : random;
      return [`cotangent of ${name}`, hostArray(typed, shape)];
    }),
  );
  const backward = await compile(
    (tensors) => {
      const outputs = listed(fn(tensors));
      const terms = outputs.map((output, index) =>
        sum(multiply(output, tensors[`cotangent of output.${index}`]!)),
      );
      return named(
        'gradient',
        gradients(
          terms.reduce(add),
          wanted.map((name) => tensors[name]!),
        ),
      );
    },
    {
      ...types,
      ...Object.fromEntries(
        Object.entries(forward.outputs).map(([name, type]) => [`cotangent of ${name}`, type]),
      ),
    },
  );
  const found = (await backward.run({ ...inputs, ...cotangents })) as Record<string, HostArray>;

  let largest = 0;
  for (const [index, name] of wanted.entries()) {
    const gradient = Float64Array.from(found[`gradient.${index}`]!.data as Float32Array);
    const differences = await centralDifferences(forward, inputs, name, cotangents, step);
    largest = Math.max(largest, relativeError(gradient, differences));
  }
  await Promise.all([forward.release(), backward.release()]);
  return largest;
}

/** |a - b| / max(|a|, |b|, floor) in the Euclidean norm; 0 for two empty arrays, NaN counts as infinitely far. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>, floor = 1e-2): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  const norm = (at: (index: number) => number) =>
    Math.hypot(...Array.from({ length: a.length }, (_, index) => at(index)));
  const error =
    norm((index) => a[index]! - b[index]!) /
    Math.max(
      norm((index) => a[index]!),
      norm((index) => b[index]!),
      floor,
    );
  return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

async function centralDifferences(
  forward: Executable,
  inputs: Readonly<Record<string, HostArray>>,
  name: string,
  cotangents: Readonly<Record<string, HostArray>>,
  step: number,
): Promise<Float64Array> {
  const { data, shape } = inputs[name]!;
  const moved = (data as Float32Array).slice();
  const at = async (index: number, distance: number) => {
    moved[index] = (data[index] as number) + distance;
    const outputs = await forward.run({ ...inputs, [name]: hostArray(moved, shape) });
    moved[index] = data[index] as number;
    return contract(outputs, cotangents);
  };
  const differences = new Float64Array(moved.length);
  for (let index = 0; index < moved.length; index++) {
    const near = (await at(index, step)) - (await at(index, -step));
    const far = (await at(index, 2 * step)) - (await at(index, -2 * step));
    differences[index] = (8 * near - far) / (12 * step);
  }
  return differences;
}

function contract(
  outputs: Readonly<Record<string, HostArray>>,
  cotangents: Readonly<Record<string, HostArray>>,
): number {
  let total = 0;
  for (const [name, { data }] of Object.entries(outputs)) {
    const weights = cotangents[`cotangent of ${name}`]!.data;
    for (let index = 0; index < data.length; index++)
      total += (data[index] as number) * (weights[index] as number);
  }
  return total;
}

function listed(result: Tensor | readonly Tensor[]): readonly Tensor[] {
  return Array.isArray(result) ? result : [result as Tensor];
}

function named(prefix: string, tensors: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(tensors.map((tensor, index) => [`${prefix}.${index}`, tensor]));
}

import { InexactIntegersError } from './errors.ts';
import { hostArray } from './host-array.ts';
import { type LoweredGraph, lower } from './onnx/lower.ts';
import { constant, input } from './operations/leaf.ts';
import { quantizedMatmul } from './operations/quantized.ts';
import { type IntegerType, zeroOf } from './operations/quantized-lowering.ts';
import { createSession, type RuntimeOptions, type Session, toRuntime } from './runtime.ts';
import { tensorType } from './signature.ts';
import type { Tensor } from './tensor.ts';

/**
 * Which 8-bit products are exact here. Without VNNI instructions, x86 processors add pairs of products of uint8 with int8
 * in 16 bits, and what is too large is cut off in silence. No list of processors tells which do so: a probe multiplies
 * the largest numbers there are, and looks at what comes out.
 */

export type Provider = NonNullable<RuntimeOptions['executionProvider']>;

/** Both ways of holding weights, the one that is faster where both are exact first. */
export const integerTypes: readonly IntegerType[] = ['int8', 'uint8'];

const found = new Map<Provider, Promise<readonly IntegerType[]>>();

/**
 * The types of 8-bit weights that are multiplied exactly with 8-bit activations here, the best first. Found by a probe of some
 * milliseconds, once in a process for each provider.
 *
 * @param executionProvider default 'cpu'
 * @returns 'int8', 'uint8', both, or none
 * @throws CompileError when the provider is not available.
 */
export function exactIntegerTypes(executionProvider: Provider = 'cpu'): Promise<readonly IntegerType[]> {
  const known = found.get(executionProvider) ?? probe(executionProvider);
  found.set(executionProvider, known);
  known.catch(() => found.delete(executionProvider));
  return known;
}

/**
 * The best type of 8-bit weights for this machine's processor.
 *
 * @throws InexactIntegersError when neither is multiplied exactly.
 */
export async function bestIntegerType(): Promise<IntegerType> {
  const [best] = await exactIntegerTypes();
  if (best === undefined) throw new InexactIntegersError('cpu', undefined, []);
  return best;
}

/**
 * A session of a graph, whose 8-bit products are exact.
 *
 * @throws InexactIntegersError when the graph multiplies 8-bit weights of a type that is not multiplied exactly there;
 * CompileError as `createSession`.
 */
export async function createExactSession(graph: LoweredGraph, options: RuntimeOptions): Promise<Session> {
  if (graph.integerTypes.size > 0) {
    const provider = options.executionProvider ?? 'cpu';
    requireExact(graph.integerTypes, await exactIntegerTypes(provider), provider);
  }
  return createSession(graph, options);
}

/** @throws InexactIntegersError when `exact` lacks one of `used`. */
export function requireExact(
  used: ReadonlySet<IntegerType>,
  exact: readonly IntegerType[],
  executionProvider: Provider,
): void {
  const inexact = [...used].find((type) => !exact.includes(type));
  if (inexact !== undefined) throw new InexactIntegersError(executionProvider, inexact, exact);
}

/** Extents that are multiples of no register's width, so that every loop and its remainder takes part. */
const [outer, inner] = [19, 71];

/** More rows than a kernel takes at a time, and one, for which there are others. */
const rowCounts = [18, 1];

const steps = [127, -127, 64, 127, -1, -127, 127, 0, -127];

/** Whole numbers of which many are the largest: the first rows repeat one, later ones alternate. */
export function extremes(rows: number, columns: number): Float32Array {
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const row = Math.floor(at / columns);
    return steps[(row + (at % columns) * Math.floor(row / steps.length)) % steps.length]!;
  });
}

/** The probe's operands, whole numbers from -127 to 127, and its products by number of rows. */
export const probeCases = rowCounts.map((rows) => {
  const weights = extremes(outer, inner);
  const [x, y] = [extremes(rows, inner), extremes(rows, outer)];
  return {
    rows,
    /** [rows, inner] and [rows, outer] */
    x,
    y,
    /** [outer, inner] */
    weights,
    /** x W^T and y W */
    products: [
      product(x, inner, outer, (k, column) => weights[column * inner + k]!),
      product(y, outer, inner, (k, column) => weights[k * inner + column]!),
    ],
  };
});

export function product(
  left: Float32Array,
  depth: number,
  columns: number,
  right: (k: number, column: number) => number,
): Float32Array {
  return Float32Array.from({ length: (left.length / depth) * columns }, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < depth; k++) sum += left[row * depth + k]! * right(k, column);
    return sum;
  });
}

/** Whether products are right but for the rounding of float32 scales: one cut-off pair is 20,000 off. */
export function isExact(
  products: readonly Float32Array[],
  expected: readonly Float32Array[],
  tolerance = 2,
): boolean {
  return expected.every((values, index) =>
    values.every((value, at) => Math.abs(products[index]![at]! - value) < tolerance),
  );
}

async function probe(executionProvider: Provider): Promise<readonly IntegerType[]> {
  const x = input('x', tensorType('float32', ['rows', inner]));
  const y = input('y', tensorType('float32', ['rows', outer]));
  const inputs: Record<string, Tensor> = { x, y };
  const outputs: Record<string, Tensor> = {};
  for (const type of integerTypes) {
    // ONNX Runtime rearranges constant weights beforehand, and others while it multiplies.
    inputs[type] = input(type, tensorType(type, [outer, inner]));
    const scale = constant(hostArray(new Float32Array(outer).fill(1), [outer]));
    for (const values of [constant(weightsOf(type)), inputs[type]]) {
      for (const [left, transposeB] of [
        [x, true],
        [y, false],
      ] as const) {
        const name = `${type} ${Object.keys(outputs).length}`;
        outputs[name] = quantizedMatmul(left, { values, scale }, { transposeB });
      }
    }
  }
  const session = await createSession(lower(inputs, outputs), {
    executionProvider,
    threads: 1,
    prepackWeights: true,
  });
  try {
    const exact = new Set(integerTypes);
    for (const { rows, products, ...operands } of probeCases) {
      const results = await session.run(
        {
          x: await toRuntime(hostArray(operands.x, [rows, inner]), 'float32'),
          y: await toRuntime(hostArray(operands.y, [rows, outer]), 'float32'),
          int8: await toRuntime(weightsOf('int8'), 'int8'),
          uint8: await toRuntime(weightsOf('uint8'), 'uint8'),
        },
        Object.fromEntries(Object.keys(outputs).map((name) => [name, null])),
      );
      for (const type of integerTypes) {
        const names = Object.keys(outputs).filter((name) => name.startsWith(`${type} `));
        const values = names.map((name) => results[name]!.data as Float32Array);
        if (!isExact(values, [...products, ...products])) exact.delete(type);
      }
    }
    return [...exact];
  } finally {
    await session.release();
  }
}

function weightsOf(type: IntegerType) {
  const values = extremes(outer, inner).map((value) => value + zeroOf[type]);
  return hostArray(type === 'int8' ? Int8Array.from(values) : Uint8Array.from(values), [outer, inner]);
}

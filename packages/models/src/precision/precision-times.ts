import {
  bestIntegerType,
  compile,
  constant,
  type HostArray,
  hostArray,
  type IntegerType,
  matmul,
  quantizedMatmul,
  type RuntimeOptions,
  type Tensor,
  tensorType,
} from '@safetune/tensor';
import { type Precision, precisions, preferredRuntime } from './precision.ts';

/** Time of a frozen linear layer's two products, forward and backward, as multiples of float32's time. */
export type PrecisionTimes = Readonly<Record<Precision, number>>;

/** Rows of activations, and a weight [outer, inner]: large enough that multiplying takes nearly all of the time. */
const [rows, inner, outer] = [128, 896, 2432];

/** Milliseconds of measuring; the fastest run of each counts. */
const patience = 400;

/**
 * Measures in about half a second how fast each precision multiplies on this machine, with weights [2432, 896] and 128 rows.
 * A training step also does other things, equally long in every precision; generating token by token is bound by memory
 * instead.
 *
 * @param runtime as the model will be run
 * @throws InexactIntegersError when 8-bit integers are not multiplied exactly here; CompileError when the provider is not available.
 */
export async function measurePrecisions(runtime: RuntimeOptions = {}): Promise<PrecisionTimes> {
  const integers = await bestIntegerType();
  const x = filled(rows, inner, 1);
  const seconds = new Map<Precision, number>();
  const executables = [];
  try {
    for (const precision of precisions) {
      const executable = await compile(
        ({ x }) => ({ dx: bothProducts(x, precision, integers) }),
        { x: tensorType('float32', [rows, inner]) },
        { ...preferredRuntime(precision), ...runtime },
      );
      executables.push({ precision, executable });
    }
    // In turns, so that a neighbour on the machine disturbs all alike; the first touches the memory.
    const start = performance.now();
    for (let run = 0; run < 3 || performance.now() - start < patience; run++) {
      for (const { precision, executable } of executables) {
        const before = performance.now();
        await executable.run({ x });
        const taken = performance.now() - before;
        if (run > 0) seconds.set(precision, Math.min(taken, seconds.get(precision) ?? taken));
      }
    }
  } finally {
    for (const { executable } of executables) await executable.release();
  }
  const times = precisions.map((precision) => [precision, seconds.get(precision)! / seconds.get('float32')!]);
  return Object.fromEntries(times) as PrecisionTimes;
}

/** (x W^T) W: what a frozen layer costs forward, and backward. */
function bothProducts(x: Tensor, precision: Precision, integers: IntegerType): Tensor {
  if (precision === 'float32') {
    const weight = constant(filled(outer, inner, 0.01));
    return matmul(matmul(x, weight, { transposeB: true }), weight);
  }
  const matrix = {
    values: constant(bytes(integers, 100)),
    scale: constant(hostArray(new Float32Array(outer).fill(1 / 127), [outer])),
    ...(precision === 'int8x3' ? { residual: constant(bytes(integers, 50)) } : {}),
  };
  return quantizedMatmul(quantizedMatmul(x, matrix, { transposeB: true }), matrix);
}

/** What is multiplied does not change how long it takes. */
function filled(height: number, width: number, value: number): HostArray {
  return hostArray(new Float32Array(height * width).fill(value), [height, width]);
}

function bytes(type: IntegerType, value: number): HostArray {
  const make = type === 'int8' ? Int8Array : Uint8Array;
  return hostArray(new make(outer * inner).fill(value), [outer, inner]);
}

/** What the precision costs and gives, in a sentence or two, and whether another serves better. */
export function describePrecision(precision: Precision, times: PrecisionTimes): string {
  if (precision === 'float32') return 'float32 is exact';
  const took = `${precision} products take ${times[precision].toFixed(2)} x the time of float32 ones on this machine`;
  const isFaster = times[precision] < 0.95;
  if (precision === 'int8') {
    const gives = `${took}, round logits to some 10 %, and need a quarter of the memory for weights`;
    return isFaster ? gives : `${gives}: float32 is exact and no slower, so use it where it fits`;
  }
  const gives = `${took}, in as much memory, and round logits to some 0.1 %`;
  return isFaster ? gives : `${gives}: float32 is exact and no slower, so use it`;
}

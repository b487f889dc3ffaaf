import { type HostArray, hostArray, svd } from '@safetune/tensor';
import { DirectionsError } from '../../../errors.ts';
import { leadingVectors } from '../../weights/safe-lora/column-space.ts';
import { compileMatrixProducts } from '../../weights/safe-lora/products.ts';

/** The foremost principal components of a layer's states. */
export interface PrincipalComponents {
  /** Orthonormal, that of the largest variance first, each turned so that its largest entry is positive. */
  readonly directions: readonly Float32Array[];
  /** Share of the whole variance that lies along each, 0 to 1. */
  readonly shares: Float64Array;
}

/** Up to this many states or dimensions the whole decomposition is as fast as an iteration. */
const decomposedWhole = 96;
/** Single components are asked for, not their span alone: neighbours in size must have come apart. */
const settled = { settled: 1e-9, mostIterations: 40 };
/** A variance below this share of the first is rounding of float32. */
const noise = 1e-9;

/**
 * The first `count` principal components of `states` [observations, hidden]: the leading eigenvectors of the covariance of the rows, whose mean
 * is taken off. Small matrices are decomposed whole, of large ones the leading part alone by subspace iteration (see
 * `leadingColumnSpace`), so that no [hidden, hidden] matrix is made.
 *
 * @param source - of the states, for messages. @param layer - likewise.
 * @throws DirectionsError when states are not finite, or vary in fewer than `count` directions.
 */
export async function principalComponents(
  states: HostArray,
  count: number,
  source: string,
  layer: number,
): Promise<PrincipalComponents> {
  const [rows, width] = states.shape as [number, number];
  const centred = centre(states);
  const total = centred.data.reduce((sum, value) => sum + value * value, 0);
  if (!Number.isFinite(total)) throw new DirectionsError(source, layer, 'the states are not finite');
  const { vectors, squares } = await leading(hostArray(centred.data, [rows, width]), count);
  const found = squares.filter((square) => square > noise * squares[0]!).length;
  if (found < count || total === 0) {
    const varying = `${rows} states vary in ${total === 0 ? 0 : found} directions`;
    throw new DirectionsError(
      source,
      layer,
      `${varying}, but ${count} are asked for: ask for fewer, or give more examples`,
    );
  }
  return {
    directions: Array.from({ length: count }, (_, index) => column(vectors, index)),
    shares: squares.slice(0, count).map((square) => square / total),
  };
}

function centre(states: HostArray): { readonly data: Float32Array } {
  const [rows, width] = states.shape as [number, number];
  const data = Float32Array.from(states.data as Float32Array);
  const mean = new Float64Array(width);
  for (let index = 0; index < data.length; index++) mean[index % width]! += data[index]! / rows;
  for (let index = 0; index < data.length; index++) data[index]! -= mean[index % width]!;
  return { data };
}

/** Right singular vectors of X [rows, width] as columns, at least `count` where there are so many, and squared singular values. */
async function leading(
  x: HostArray,
  count: number,
): Promise<{ readonly vectors: HostArray; readonly squares: Float64Array }> {
  const smaller = Math.min(...x.shape);
  const carried = count + Math.max(12, count);
  if (smaller <= decomposedWhole || 2 * carried >= smaller) {
    const { v, s } = svd(x);
    return { vectors: v, squares: s.map((value) => value ** 2) };
  }
  const products = await compileMatrixProducts();
  try {
    const { u, s } = await leadingVectors(x, count, carried, products, settled);
    return { vectors: await products.transposedTimes(x, u), squares: s.map((value) => value ** 2) };
  } finally {
    await products.release();
  }
}

/** A column of length 1, its largest entry positive: the sign that a decomposition gives is arbitrary. */
function column({ data, shape }: HostArray, index: number): Float32Array {
  const [rows, columns] = shape as [number, number];
  const values = Float64Array.from({ length: rows }, (_, row) => data[row * columns + index] as number);
  const length = Math.hypot(...values);
  const largest = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  return Float32Array.from(values, (value) => (Math.sign(largest) * value) / length);
}

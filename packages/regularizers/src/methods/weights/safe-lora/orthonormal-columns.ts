import { type HostArray, hostArray, svd } from '@safetune/tensor';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';
import { columnProducts } from './low-rank.ts';
import type { MatrixProducts } from './products.ts';

/** X^T Y in float64. */
export function innerProducts(x: HostArray, y: HostArray): HostArray {
  const [rows, columns] = x.shape as [number, number];
  const width = y.shape[1]!;
  const values = columnProducts(
    { data: x.data as Float32Array, rows, columns },
    { data: y.data as Float32Array, rows, columns: width },
  );
  return hostArray(values, [columns, width]);
}

/** The mean of a square matrix and its transpose, float64. */
export function symmetric(x: HostArray): HostArray {
  const size = x.shape[0]!;
  const data = x.data as Float64Array;
  const mean = data.map((value, at) => (value + data[(at % size) * size + Math.floor(at / size)]!) / 2);
  return hostArray(mean, [size, size]);
}

/**
 * Columns with the span of x's, orthonormal, the longest direction first: X U S^-1/2 for X^T X = U S U^T. Nearly
 * dependent columns need it twice; directions lost in rounding become zero columns.
 */
export async function orthonormalColumns(x: HostArray, products: MatrixProducts): Promise<HostArray> {
  const { u, s } = svd(innerProducts(x, x));
  const scales = s.map((value) => (value > 1e-12 * s[0]! ? 1 / Math.sqrt(value) : 0));
  const mix = Float32Array.from(u.data as Float64Array, (value, at) => value * scales[at % s.length]!);
  return products.times(x, hostArray(mix, u.shape));
}

/** The first `count` columns of a matrix, float32. */
export function leadingColumns(u: HostArray, count: number): HostArray {
  const [rows, columns] = u.shape as [number, number];
  const kept = new Float32Array(rows * count);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < count; column++)
      kept[row * count + column] = u.data[row * columns + column] as number;
  }
  return hostArray(kept, [rows, count]);
}

export function float32({ data, shape }: HostArray): HostArray {
  return hostArray(Float32Array.from(data as Float64Array), shape);
}

/** The same random values in -1..1 each time. */
export function randomMatrix(rows: number, columns: number): HostArray {
  const generator = xoroshiro128plus(1);
  return hostArray(
    Float32Array.from({ length: rows * columns }, () => 2 * uniformFloat64(generator) - 1),
    [rows, columns],
  );
}

import { type HostArray, hostArray, svd } from '@safetune/tensor';

/** Of unit vectors, a singular value below this share of the first is rounding: the vectors depend on each other. */
const dependent = 1e-5;

/**
 * Orthonormal columns Q [hidden, k] with the span of the directions; k is fewer than these where some depend on others. The
 * lengths of the directions do not matter.
 *
 * @param directions - vectors of one width, none of them zero.
 */
export function orthonormalBasis(directions: readonly Float32Array[]): HostArray {
  const width = directions[0]!.length;
  const columns = new Float64Array(width * directions.length);
  for (const [index, vector] of directions.entries()) {
    const length = Math.hypot(...vector);
    for (const [row, value] of vector.entries()) columns[row * directions.length + index] = value / length;
  }
  const { u, s } = svd(hostArray(columns, [width, directions.length]));
  const rank = s.filter((value) => value > dependent * s[0]!).length;
  const basis = new Float32Array(width * rank);
  for (let row = 0; row < width; row++) {
    for (let column = 0; column < rank; column++)
      basis[row * rank + column] = u.data[row * s.length + column] as number;
  }
  return hostArray(basis, [width, rank]);
}

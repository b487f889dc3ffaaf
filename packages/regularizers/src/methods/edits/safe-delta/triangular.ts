/** A small square matrix in row-major order. */
export type SquareBlock = Float64Array<ArrayBuffer>;

/** The lower Cholesky factor of a symmetric matrix, of which the lower triangle is read; undefined when it is not positive definite. */
export function choleskyBlock(values: ArrayLike<number>, size: number): SquareBlock | undefined {
  const lower = new Float64Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column <= row; column++) {
      let sum = values[row * size + column]!;
      for (let inner = 0; inner < column; inner++)
        sum -= lower[row * size + inner]! * lower[column * size + inner]!;
      if (row !== column) lower[row * size + column] = sum / lower[column * size + column]!;
      else if (sum > 0) lower[row * size + row] = Math.sqrt(sum);
      else return undefined;
    }
  }
  return lower;
}

/** The inverse of a lower triangular matrix whose diagonal is not 0. */
export function lowerInverse(lower: SquareBlock, size: number): SquareBlock {
  const inverse = new Float64Array(size * size);
  for (let column = 0; column < size; column++) {
    inverse[column * size + column] = 1 / lower[column * size + column]!;
    for (let row = column + 1; row < size; row++) {
      let sum = 0;
      for (let inner = column; inner < row; inner++)
        sum -= lower[row * size + inner]! * inverse[inner * size + column]!;
      inverse[row * size + column] = sum / lower[row * size + row]!;
    }
  }
  return inverse;
}

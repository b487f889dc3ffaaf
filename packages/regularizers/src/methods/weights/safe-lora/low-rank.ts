import { contiguousData, type HostArray } from '@safetune/tensor';

/** A matrix in row-major order. */
export interface DenseMatrix {
  readonly data: Float32Array | Float64Array;
  readonly rows: number;
  readonly columns: number;
}

/** A row-major matrix as plain numbers. */
export function dense(array: HostArray): DenseMatrix {
  const [rows, columns] = array.shape as [number, number];
  return { data: contiguousData(array) as Float32Array, rows, columns };
}

/** How C dW compares with dW. */
export interface UpdateComparison {
  /** Cosine of the flattened entries of dW and C dW; 0 when either is zero, as torch's `cosine_similarity` has it. */
  readonly cosine: number;
  /** ||C dW||_F / ||dW||_F; 1 for an update that is zero. */
  readonly normKept: number;
}

/**
 * Compares dW = B A with dW' = B' A, of which neither is formed: <B A, B' A> = tr((B^T B') (A A^T)), and the norms
 * likewise, through matrices of the rank's size.
 *
 * @param b - B [out, rank]
 * @param changed - B' [out, rank]
 * @param a - A [rank, in]
 */
export function compareUpdates(b: DenseMatrix, changed: DenseMatrix, a: DenseMatrix): UpdateComparison {
  const gramOfA = gramOfRows(a);
  const product = (left: DenseMatrix, right: DenseMatrix) => inner(columnProducts(left, right), gramOfA);
  // Rounding may leave a tiny negative square of a zero matrix.
  const before = Math.sqrt(Math.max(0, product(b, b)));
  const after = Math.sqrt(Math.max(0, product(changed, changed)));
  const cosine = before === 0 || after === 0 ? 0 : product(b, changed) / (before * after);
  return { cosine: Math.min(1, Math.max(-1, cosine)), normKept: before === 0 ? 1 : after / before };
}

/** X^T Y of two matrices with as many rows, in float64: [columns of x, columns of y]. */
export function columnProducts(x: DenseMatrix, y: DenseMatrix): Float64Array {
  const products = new Float64Array(x.columns * y.columns);
  // Four rows at a time, each entry of the result is read and written a quarter as often.
  for (let row = 0; row < x.rows; row += 4) {
    const count = Math.min(4, x.rows - row);
    const [left, right] = [fourRows(x, row, count), fourRows(y, row, count)];
    for (let i = 0; i < x.columns; i++) {
      const [a, b, c, d] = [left[0]![i]!, left[1]![i]!, left[2]![i]!, left[3]![i]!];
      const [e, f, g, h] = right as [Float64Array, Float64Array, Float64Array, Float64Array];
      const target = i * y.columns;
      for (let j = 0; j < y.columns; j++)
        products[target + j]! += a * e[j]! + b * f[j]! + c * g[j]! + d * h[j]!;
    }
  }
  return products;
}

/** Four rows from `first`, zeros beyond `count`. */
function fourRows({ data, columns }: DenseMatrix, first: number, count: number): Float64Array[] {
  return Array.from({ length: 4 }, (_, index) => {
    const start = (first + index) * columns;
    return index < count
      ? Float64Array.from(data.subarray(start, start + columns))
      : new Float64Array(columns);
  });
}

/** X X^T in float64: [rows, rows]. */
function gramOfRows({ data, rows, columns }: DenseMatrix): Float64Array {
  const gram = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = i; j < rows; j++) {
      let sum = 0;
      for (let column = 0; column < columns; column++) {
        sum += data[i * columns + column]! * data[j * columns + column]!;
      }
      gram[i * rows + j] = sum;
      gram[j * rows + i] = sum;
    }
  }
  return gram;
}

function inner(x: Float64Array, y: Float64Array): number {
  return x.reduce((sum, value, index) => sum + value * y[index]!, 0);
}

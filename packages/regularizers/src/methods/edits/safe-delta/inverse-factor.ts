import { type HostArray, hostArray } from '@safetune/tensor';
import type { MatrixProducts } from '../../weights/safe-lora/products.ts';
import { choleskyBlock, lowerInverse, type SquareBlock } from './triangular.ts';

/** Rows of a block: what is worked on in float64 here, beside what the compiled products do in float32. */
const blockSize = 128;

/**
 * The upper triangular U with U^T U = H^-1 of a positive definite H [n, n], float32, whose diagonal is above 0.
 *
 * H read backwards, from its last row and column to its first, has a Cholesky factor L; U is L^-1 read backwards. So H is
 * never inverted. Block by block: diagonal blocks in float64, all else by products.
 *
 * @returns undefined when rounding leaves H not positive definite.
 */
export async function inverseFactor(
  matrix: HostArray,
  products: MatrixProducts,
): Promise<HostArray | undefined> {
  const size = matrix.shape[0]!;
  const lower = reversed(matrix);
  const inverses = await factorize(lower, size, products);
  if (inverses === undefined) return undefined;
  await invert(lower, size, inverses, products);
  return reversed(hostArray(lower.data, [size, size]));
}

/** A square matrix that is worked on in place. */
interface Square {
  readonly data: Float32Array<ArrayBuffer>;
}

function reversed({ data, shape }: HostArray): HostArray & { readonly data: Float32Array<ArrayBuffer> } {
  const result = Float32Array.from(data as Float32Array).reverse();
  return hostArray(result, [...shape]) as HostArray & { readonly data: Float32Array<ArrayBuffer> };
}

/** L in the place of the lower triangle, zeros above; the inverses of its diagonal blocks. */
async function factorize(
  square: Square,
  size: number,
  products: MatrixProducts,
): Promise<SquareBlock[] | undefined> {
  const inverses: SquareBlock[] = [];
  for (let start = 0; start < size; start += blockSize) {
    const width = Math.min(blockSize, size - start);
    const end = start + width;
    const diagonal = choleskyBlock(piece(square, size, start, end, start, end), width);
    if (diagonal === undefined) return undefined;
    const inverse = lowerInverse(diagonal, width);
    inverses.push(inverse);
    put(square, size, start, start, { data: Float32Array.from(diagonal), rows: width, columns: width });
    for (let row = start; row < end; row++) square.data.fill(0, row * size + end, (row + 1) * size);
    if (end === size) break;
    // L21 = A21 L11^-T, and what is left of A22 without it.
    const below = piece(square, size, end, size, start, end);
    const panel = await products.times(array(below, [size - end, width]), transposed(inverse, width));
    put(square, size, end, start, { data: panel.data as Float32Array, rows: size - end, columns: width });
    const update = await products.times(panel, transposed(panel.data as Float32Array, width, size - end));
    subtractAt(square, size, end, end, update.data as Float32Array, size - end, size - end);
  }
  return inverses;
}

/** L^-1 in the place of L, a row of blocks at a time: X_i = -L_ii^-1 (L_i X), X_ii = L_ii^-1. */
async function invert(
  square: Square,
  size: number,
  inverses: readonly SquareBlock[],
  products: MatrixProducts,
): Promise<void> {
  for (const [index, inverse] of inverses.entries()) {
    const start = index * blockSize;
    const end = Math.min(start + blockSize, size);
    const width = end - start;
    if (start > 0) {
      const row = array(piece(square, size, start, end, 0, start), [width, start]);
      const above = array(piece(square, size, 0, start, 0, start), [start, start]);
      const negative = hostArray(
        Float32Array.from(inverse, (value) => -value),
        [width, width],
      );
      const found = await products.times(negative, await products.times(row, above));
      put(square, size, start, 0, { data: found.data as Float32Array, rows: width, columns: start });
    }
    put(square, size, start, start, { data: Float32Array.from(inverse), rows: width, columns: width });
  }
}

function piece(
  { data }: Square,
  size: number,
  firstRow: number,
  lastRow: number,
  firstColumn: number,
  lastColumn: number,
): Float32Array<ArrayBuffer> {
  const columns = lastColumn - firstColumn;
  const result = new Float32Array((lastRow - firstRow) * columns);
  for (let row = firstRow; row < lastRow; row++)
    result.set(data.subarray(row * size + firstColumn, row * size + lastColumn), (row - firstRow) * columns);
  return result;
}

function put(
  { data }: Square,
  size: number,
  row: number,
  column: number,
  block: { readonly data: Float32Array; readonly rows: number; readonly columns: number },
): void {
  for (let own = 0; own < block.rows; own++)
    data.set(
      block.data.subarray(own * block.columns, (own + 1) * block.columns),
      (row + own) * size + column,
    );
}

function subtractAt(
  { data }: Square,
  size: number,
  row: number,
  column: number,
  values: Float32Array,
  rows: number,
  columns: number,
): void {
  for (let own = 0; own < rows; own++) {
    const target = (row + own) * size + column;
    for (let at = 0; at < columns; at++) data[target + at]! -= values[own * columns + at]!;
  }
}

function array(data: Float32Array<ArrayBuffer>, shape: [number, number]): HostArray {
  return hostArray(data, shape);
}

/** Of a matrix [rows, columns]: [columns, rows] float32. */
function transposed(data: ArrayLike<number>, columns: number, rows = columns): HostArray {
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = data[row * columns + column]!;
  return hostArray(result, [columns, rows]);
}

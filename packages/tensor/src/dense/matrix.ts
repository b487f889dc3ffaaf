import { type AbstractMatrix, Matrix, WrapperMatrix1D } from 'ml-matrix';
import { ShapeError } from '../errors.ts';
import { contiguousData, type HostArray, hostArray } from '../host-array.ts';
import { NonFiniteError } from './errors.ts';

/**
 * A 2-D host array as a matrix of ml-matrix; a row-major array is not copied.
 *
 * @throws ShapeError when `array` is not a non-empty 2-D array of numbers, NonFiniteError on NaN and infinities.
 */
export function toMatrix(operation: string, array: HostArray): AbstractMatrix {
  const [rows, columns] = array.shape;
  if (array.shape.length !== 2 || !rows || !columns) {
    throw new ShapeError(operation, `needs a non-empty matrix, got shape [${array.shape.join(', ')}]`);
  }
  const data = contiguousData(array);
  if (data instanceof BigInt64Array) throw new ShapeError(operation, 'needs numbers, got an int64 array');
  for (let position = 0; position < data.length; position++) {
    if (!Number.isFinite(data[position])) {
      throw new NonFiniteError(
        operation,
        Math.floor(position / columns),
        position % columns,
        data[position]!,
      );
    }
  }
  return new WrapperMatrix1D(data as unknown as number[], { rows });
}

/** A matrix of ml-matrix as a float64 host array [rows, columns]. */
export function fromMatrix(matrix: AbstractMatrix): HostArray {
  return hostArray(Float64Array.from(Matrix.checkMatrix(matrix).to1DArray()), [matrix.rows, matrix.columns]);
}

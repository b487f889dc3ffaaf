import { contiguousData, type HostArray } from '@safetune/tensor';
import type { Factors } from './module.ts';

/** An update of a weight as its factors and scale. */
export interface Update extends Factors {
  readonly scale: number;
  readonly origin?: Factors;
}

/** Norms of the rows of W + scale B A, of float32 [out, in]: what DoRA trains by itself, at its start. */
export function rowNorms(weight: HostArray, update: Update): Float64Array {
  const [rows, columns] = weight.shape as [number, number];
  const values = contiguousData(weight) as Float32Array;
  return Float64Array.from({ length: rows }, (_, row) => {
    const changed = updatedRow(update, row, columns);
    let sum = 0;
    for (let column = 0; column < columns; column++)
      sum += (values[row * columns + column]! + changed[column]!) ** 2;
    return Math.sqrt(sum);
  });
}

/** Norms of the columns of a table W + scale (B A)^T, of float32 [vocabulary, hidden]. */
export function columnNorms(table: HostArray, update: Update): Float64Array {
  const [rows, columns] = table.shape as [number, number];
  const values = contiguousData(table) as Float32Array;
  return Float64Array.from({ length: columns }, (_, column) => {
    const changed = updatedRow(update, column, rows);
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += (values[row * columns + column]! + changed[row]!) ** 2;
    return Math.sqrt(sum);
  });
}

/** Row `row` of scale (B A - B0 A0). */
export function updatedRow({ a, b, scale, origin }: Update, row: number, width: number): Float64Array {
  const result = new Float64Array(width);
  const addRow = (factors: Factors, sign: number) => {
    const [left, right] = [
      contiguousData(factors.b) as Float32Array,
      contiguousData(factors.a) as Float32Array,
    ];
    const rank = factors.a.shape[0]!;
    for (let inner = 0; inner < rank; inner++) {
      const factor = sign * scale * left[row * rank + inner]!;
      if (factor === 0) continue;
      const offset = inner * width;
      for (let column = 0; column < width; column++) result[column]! += factor * right[offset + column]!;
    }
  };
  addRow({ a, b }, 1);
  if (origin !== undefined) addRow(origin, -1);
  return result;
}

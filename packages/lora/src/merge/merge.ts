import { contiguousData, type HostArray, hostArray } from '@safetune/tensor';
import type { EmbeddingModule, LoraModule, TokenEmbeddings } from '../adapter/module.ts';
import { updatedRow } from '../adapter/norms.ts';
import { AdapterMismatchError } from '../errors.ts';

/**
 * The weight that acts as the adapted layer does: W + scale B A, under DoRA with its rows scaled to their norms; summed in
 * float64 and rounded once.
 *
 * @param weight - W, float32 [out, in]; left as it is.
 * @returns a new float32 array [out, in].
 * @throws AdapterMismatchError when the weight has another shape than the module.
 */
export function mergedWeight(weight: HostArray, module: LoraModule): HostArray {
  const { inFeatures, outFeatures } = module;
  requireShape(weight, module.name, [outFeatures, inFeatures]);
  const values = contiguousData(weight) as Float32Array;
  const norms = module.magnitude === undefined ? undefined : contiguousData(module.magnitude);
  const result = new Float32Array(outFeatures * inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    const begin = out * inFeatures;
    const row = updatedRow(module, out, inFeatures);
    for (let column = 0; column < inFeatures; column++) row[column]! += values[begin + column]!;
    const factor = norms === undefined ? 1 : Number(norms[out]) / normOf(row);
    for (let column = 0; column < inFeatures; column++) result[begin + column] = factor * row[column]!;
  }
  return hostArray(result, [outFeatures, inFeatures]);
}

/**
 * The weight that a merged one came from, up to the rounding of the merge: W' - scale B A.
 *
 * @param merged - float32 [out, in]; left as it is.
 * @throws AdapterMismatchError when the weight has another shape, and for DoRA, whose norms of before are lost.
 */
export function unmergedWeight(merged: HostArray, module: LoraModule): HostArray {
  if (module.magnitude !== undefined) {
    throw new AdapterMismatchError(
      module.name,
      'DoRA scaled its rows to other norms, and those of before are not known; take the weight from the checkpoint',
    );
  }
  return mergedWeight(merged, { ...module, scale: -module.scale });
}

/** A module's update of the weight, scale B A, as a float32 array [out, in]; without DoRA's scaling of rows. */
export function weightUpdate(module: LoraModule): HostArray {
  const { inFeatures, outFeatures } = module;
  const result = new Float32Array(outFeatures * inFeatures);
  for (let out = 0; out < outFeatures; out++)
    result.set(updatedRow(module, out, inFeatures), out * inFeatures);
  return hostArray(result, [outFeatures, inFeatures]);
}

/**
 * The table that acts as the adapted embedding does: W + scale (B A)^T, under DoRA with its columns scaled to their norms.
 *
 * @param table - W, float32 [vocabulary, hidden]; left as it is.
 * @throws AdapterMismatchError when the table has another shape.
 */
export function mergedTable(table: HostArray, module: EmbeddingModule): HostArray {
  const { inFeatures: rows, outFeatures: columns } = module;
  requireShape(table, module.name, [rows, columns]);
  const values = contiguousData(table) as Float32Array;
  const norms = module.magnitude === undefined ? undefined : contiguousData(module.magnitude);
  const result = new Float32Array(rows * columns);
  for (let column = 0; column < columns; column++) {
    const changed = updatedRow(module, column, rows);
    for (let row = 0; row < rows; row++) changed[row]! += values[row * columns + column]!;
    const factor = norms === undefined ? 1 : Number(norms[column]) / normOf(changed);
    for (let row = 0; row < rows; row++) result[row * columns + column] = factor * changed[row]!;
  }
  return hostArray(result, [rows, columns]);
}

/** The table with the rows of some tokens replaced. @throws AdapterMismatchError when it does not have these rows. */
export function withTokenRows(
  table: HostArray,
  { module, tokens, width, values }: TokenEmbeddings,
): HostArray {
  const [rows, columns] = table.shape as [number, number];
  if (columns !== width || Math.max(...tokens) >= rows)
    throw new AdapterMismatchError(
      module,
      `rows of ${width} for tokens up to ${Math.max(...tokens)} do not fit [${table.shape}]`,
    );
  const result = (contiguousData(table) as Float32Array).slice();
  const own = contiguousData(values) as Float32Array;
  tokens.forEach((token, index) => {
    result.set(own.subarray(index * width, (index + 1) * width), token * width);
  });
  return hostArray(result, [rows, columns]);
}

function requireShape(weight: HostArray, module: string, [rows, columns]: readonly [number, number]): void {
  if (weight.shape.length === 2 && weight.shape[0] === rows && weight.shape[1] === columns) return;
  throw new AdapterMismatchError(
    module,
    `it adapts a weight [${rows}, ${columns}], this one is [${weight.shape}]`,
  );
}

function normOf(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

import { contiguousData, type HostArray, hostArray } from '@safetune/tensor';
import type { LoraModule } from '../adapter/module.ts';
import { AdapterMismatchError } from '../errors.ts';

/**
 * The weight that acts as the adapted layer does: W + scale B A, summed in float64 and rounded once.
 *
 * @param weight - W, float32 [out, in]; left as it is.
 * @returns a new float32 array [out, in].
 * @throws AdapterMismatchError when the weight has another shape than the module.
 */
export function mergedWeight(weight: HostArray, module: LoraModule): HostArray {
  const { name, inFeatures, outFeatures } = module;
  const [rows, columns] = weight.shape;
  if (weight.shape.length !== 2 || rows !== outFeatures || columns !== inFeatures) {
    throw new AdapterMismatchError(
      name,
      `it adapts a weight [${outFeatures}, ${inFeatures}], this one is [${weight.shape}]`,
    );
  }
  return addProduct(contiguousData(weight) as Float32Array, module);
}

/** A module's update of the weight, scale B A, as a float32 array [out, in]. */
export function weightUpdate(module: LoraModule): HostArray {
  return addProduct(undefined, module);
}

function addProduct(
  start: Float32Array | undefined,
  { inFeatures, outFeatures, rank, scale, a, b }: LoraModule,
): HostArray {
  const [left, right] = [contiguousData(b) as Float32Array, contiguousData(a) as Float32Array];
  const result = new Float32Array(outFeatures * inFeatures);
  const row = new Float64Array(inFeatures);
  for (let out = 0; out < outFeatures; out++) {
    row.fill(0);
    for (let inner = 0; inner < rank; inner++) {
      const factor = scale * left[out * rank + inner]!;
      const offset = inner * inFeatures;
      for (let column = 0; column < inFeatures; column++) row[column]! += factor * right[offset + column]!;
    }
    const begin = out * inFeatures;
    for (let column = 0; column < inFeatures; column++) {
      result[begin + column] = row[column]! + (start === undefined ? 0 : start[begin + column]!);
    }
  }
  return hostArray(result, [outFeatures, inFeatures]);
}

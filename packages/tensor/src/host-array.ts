import ndarray, { type NdArray } from 'ndarray';
import type { DataType } from './dtype.ts';
import { ShapeError } from './errors.ts';

/** Typed arrays that hold tensors in host memory. `bool` is held as 0 and 1 in a Uint8Array. */
export type HostData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Int32Array
  | BigInt64Array<ArrayBuffer>;

/** A tensor in host memory: a strided view (package `ndarray`) of a typed array. */
export type HostArray = NdArray<HostData>;

/**
 * A row-major view of `data` with the given shape.
 *
 * @throws ShapeError when the number of elements differs.
 */
export function hostArray(data: HostData, shape: readonly number[]): HostArray {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (size !== data.length) {
    throw new ShapeError('hostArray', `${data.length} elements do not fill shape [${shape.join(', ')}]`);
  }
  return ndarray<HostData>(data, [...shape]);
}

/** Element type a typed array stands for; a Uint8Array reads as `uint8`, and is accepted where `bool` is asked. */
export function dataTypeOf(data: HostData): DataType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof BigInt64Array) return 'int64';
  throw new ShapeError('hostArray', `a ${(data as object).constructor.name} is no tensor's memory`);
}

/** The elements in row-major order: the array's own memory when it already is, else a packed copy. */
export function contiguousData(array: HostArray): HostData {
  const { shape, stride, offset, data } = array;
  if (isRowMajor(shape, stride)) {
    return offset === 0 && data.length === array.size ? data : data.subarray(offset, offset + array.size);
  }
  // The view may repeat elements (stride 0), so it can be larger than the memory under it.
  const packed = new (data.constructor as Float32ArrayConstructor)(array.size);
  const index = shape.map(() => 0);
  for (let position = 0; position < array.size; position++) {
    let source = offset;
    for (let axis = 0; axis < index.length; axis++) source += index[axis]! * stride[axis]!;
    packed[position] = data[source] as number;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
  return packed as HostData;
}

function isRowMajor(shape: readonly number[], stride: readonly number[]): boolean {
  let expected = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && stride[axis] !== expected) return false;
    expected *= shape[axis]!;
  }
  return true;
}

import { contiguousData, type HostArray, hostArray } from '@safetune/tensor';

/** Numbers in row-major order and their extents. A `HostArray` is one; other libraries' `data` and `shape` make one. */
export interface PlainArray {
  readonly data: ArrayLike<number> | BigInt64Array<ArrayBuffer>;
  readonly shape: readonly number[];
}

/**
 * The array as float32 in row-major order: its own memory where it is that already, else a copy.
 *
 * @throws ShapeError of the tensor package when the elements do not fill the shape.
 */
export function asFloat32(array: PlainArray): HostArray {
  const data = 'stride' in array ? contiguousData(array as HostArray) : array.data;
  return hostArray(
    data instanceof Float32Array ? data : Float32Array.from(data as ArrayLike<number>, Number),
    array.shape,
  );
}

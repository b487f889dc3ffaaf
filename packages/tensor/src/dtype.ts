/** Element types of tensors, in graphs, in host memory and in files. `float16` and `bfloat16` are storage types only. */
export type DataType =
  | 'float32'
  | 'float16'
  | 'bfloat16'
  | 'float64'
  | 'int8'
  | 'uint8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'bool';

const sizes: Record<DataType, number> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  int8: 1,
  uint8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  bool: 1,
};

/** Bytes one element of `dtype` occupies in memory and in a file. */
export function bytesPerElement(dtype: DataType): number {
  return sizes[dtype];
}

/** True for the types a gradient can flow through. */
export function isFloating(dtype: DataType): boolean {
  return dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';
}

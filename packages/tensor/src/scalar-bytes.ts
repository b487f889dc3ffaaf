import type { DataType } from './dtype.ts';
import { ShapeError } from './errors.ts';

const constructors = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  uint8: Uint8Array,
  int16: Int16Array,
  int32: Int32Array,
  bool: Uint8Array,
};

/**
 * The bytes of one element.
 *
 * @throws ShapeError when `dtype` cannot hold `value` (0.5 as an integer, 2 as bool) or is a storage type.
 */
export function scalarBytes(value: number, dtype: DataType): Uint8Array {
  if (dtype === 'float16' || dtype === 'bfloat16') {
    throw new ShapeError('scalar', `${dtype} is for storage only; cast() the other operand to float32`);
  }
  const isFloat = dtype === 'float32' || dtype === 'float64';
  if (!isFloat && !(dtype === 'bool' ? value === 0 || value === 1 : Number.isSafeInteger(value))) {
    throw new ShapeError('scalar', `${value} is no value of type ${dtype}`);
  }
  const data = dtype === 'int64' ? BigInt64Array.of(BigInt(value)) : constructors[dtype].of(value);
  return new Uint8Array(data.buffer);
}

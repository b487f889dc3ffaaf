import { canonicalShape } from '../dimension.ts';
import type { DataType } from '../dtype.ts';
import { bytesPerElement } from '../dtype.ts';
import { CompileError, ShapeError } from '../errors.ts';
import { contiguousData, dataTypeOf, type HostArray } from '../host-array.ts';
import { applySingle } from '../operation.ts';
import { scalarBytes } from '../scalar-bytes.ts';
import type { Operation, Tensor } from '../tensor.ts';
import type { TensorType } from '../tensor-type.ts';

/** Leaves of a graph: values that no node computes. `compile` places them; they have no lowering of their own. */
function leaf<Attributes extends { type: TensorType }>(
  name: string,
  describe: (attributes: Attributes) => string = () => name,
): Operation<Attributes> {
  return {
    name,
    describe,
    infer: (_inputs, { type }) => [type],
    gradient: () => [],
    lower: () => {
      throw new CompileError(`a leaf (${name}) is placed by compile, not lowered`);
    },
  };
}

export interface InputAttributes {
  readonly type: TensorType;
  readonly name: string;
}

export interface ConstantAttributes {
  readonly type: TensorType;
  readonly bytes: Uint8Array;
}

/** Bytes of a tensor inside a file, such as a region of a .safetensors file. */
export interface WeightRegion {
  readonly name: string;
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Absolute path. */
  readonly file: string;
  /** Byte offset from the start of the file. */
  readonly offset: number;
  readonly byteLength: number;
}

export interface WeightAttributes {
  readonly type: TensorType;
  readonly region: WeightRegion;
}

export const inputOperation = leaf<InputAttributes>('input', ({ name }) => `input '${name}'`);
export const constantOperation = leaf<ConstantAttributes>('constant');
export const weightOperation = leaf<WeightAttributes>('weight', ({ region }) => `weight '${region.name}'`);

/** A value given anew at every run. Usually made by `compile` from its signature. */
export function input(name: string, type: TensorType): Tensor {
  const shape = canonicalShape(`input '${name}'`, type.shape);
  return applySingle(inputOperation, [], { type: { dtype: type.dtype, shape }, name });
}

/**
 * A constant from host memory, stored inside the graph.
 *
 * @param dtype the array's own type (default), or `bool` for a Uint8Array
 */
export function constant(array: HostArray, dtype: DataType = dataTypeOf(array.data)): Tensor {
  const own = dataTypeOf(array.data);
  if (dtype !== own && !(own === 'uint8' && dtype === 'bool')) {
    throw new ShapeError('constant', `the array holds ${own}, not ${dtype}; cast() the constant`);
  }
  const data = contiguousData(array);
  return applySingle(constantOperation, [], {
    type: { dtype, shape: [...array.shape] },
    bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  });
}

/** A scalar constant. */
export function scalar(value: number, dtype: DataType = 'float32'): Tensor {
  return applySingle(constantOperation, [], { type: { dtype, shape: [] }, bytes: scalarBytes(value, dtype) });
}

/**
 * A constant that stays in its file: ONNX Runtime maps the region in place, nothing is read or copied here.
 *
 * @throws CompileError when the region's length does not fit its shape and type.
 */
export function weight(region: WeightRegion): Tensor {
  const expected = region.shape.reduce((product, extent) => product * extent, bytesPerElement(region.dtype));
  if (expected !== region.byteLength) {
    throw new CompileError(
      `weight '${region.name}' has ${region.byteLength} bytes in ${region.file}, its shape ` +
        `[${region.shape.join(', ')}] of ${region.dtype} needs ${expected}`,
    );
  }
  return applySingle(weightOperation, [], { type: { dtype: region.dtype, shape: region.shape }, region });
}

/** What arithmetic accepts: a tensor, or a number that becomes a scalar constant of the other operand's type. */
export type TensorLike = Tensor | number;

/** `value` as a tensor; a number takes `dtype`. */
export function asTensor(value: TensorLike, dtype: DataType = 'float32'): Tensor {
  return typeof value === 'number' ? scalar(value, dtype) : value;
}

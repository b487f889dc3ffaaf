import { canonicalShape, describeShape, evaluateDimension, type Shape } from './dimension.ts';
import type { DataType } from './dtype.ts';
import { InputError } from './errors.ts';
import { dataTypeOf, type HostArray, type HostData } from './host-array.ts';
import type { TensorType } from './tensor-type.ts';

/** Types of a compiled function's inputs or outputs, by name. */
export type Signature = Readonly<Record<string, TensorType>>;

/** Describes an input: `tensorType('float32', ['batch', 64])`. @throws ShapeError when an extent is none. */
export function tensorType(dtype: DataType, shape: Shape): TensorType {
  return { dtype, shape: canonicalShape('tensorType', shape) };
}

/**
 * Checks arrays against a signature and learns what its symbols stand for.
 *
 * @param expected names of the inputs that must be there, and no others
 * @param symbols what is known already; added to
 * @throws InputError when an input is missing, unknown, or does not fit its type.
 */
export function checkInputs(
  signature: Signature,
  arrays: Readonly<Record<string, HostArray | undefined>>,
  expected: readonly string[],
  symbols: Map<string, number>,
): void {
  for (const name of Object.keys(arrays)) {
    if (!expected.includes(name)) {
      const known = name in signature ? 'is carried from run to run' : 'is not expected';
      throw new InputError(name, `${known}; the inputs are ${expected.join(', ') || 'none'}`);
    }
  }
  for (const name of expected) {
    const array = arrays[name];
    if (array === undefined) throw new InputError(name, 'is missing');
    const { dtype, shape } = signature[name]!;
    if (!holds(array.data, dtype)) {
      throw new InputError(name, `holds ${dataTypeOf(array.data)}, ${dtype} is declared`);
    }
    bindSymbols(name, shape, array.shape, symbols);
  }
  checkPolynomials(signature, arrays, symbols);
}

/** True when a typed array can carry elements of `dtype`. */
export function holds(data: HostData, dtype: DataType): boolean {
  const own = dataTypeOf(data);
  return own === dtype || (own === 'uint8' && dtype === 'bool');
}

/** Matches the extents of one input with the declared ones. @throws InputError when they do not fit. */
export function bindSymbols(
  name: string,
  declared: Shape,
  actual: readonly number[],
  symbols: Map<string, number>,
): void {
  const mismatch = () =>
    new InputError(name, `has shape [${actual.join(', ')}], ${describeShape(declared)} is declared`);
  if (actual.length !== declared.length) throw mismatch();
  declared.forEach((extent, axis) => {
    const given = actual[axis]!;
    if (typeof extent === 'number') {
      if (extent !== given) throw mismatch();
      return;
    }
    const known = symbols.get(extent);
    if (known !== undefined && known !== given) {
      throw new InputError(name, `'${extent}' is ${given} here but ${known} in an earlier input`);
    }
    symbols.set(extent, given);
  });
}

/** Extents such as 'past+seq', where an input has the symbols by themselves. */
function checkPolynomials(
  signature: Signature,
  arrays: Readonly<Record<string, HostArray | undefined>>,
  symbols: ReadonlyMap<string, number>,
): void {
  for (const [name, array] of Object.entries(arrays)) {
    signature[name]!.shape.forEach((extent, axis) => {
      const wanted = evaluateDimension(extent, symbols);
      const given = array!.shape[axis]!;
      if (wanted !== undefined && wanted !== given) {
        throw new InputError(name, `'${extent}' is ${given} here but ${wanted} by the other inputs`);
      }
    });
  }
}

import {
  add,
  after,
  cast,
  customGradient,
  flattenLeading,
  gather,
  greaterOrEqual,
  multiply,
  range,
  reshape,
  scalar,
  slice,
  type Tensor,
  where,
} from '@safetune/tensor';
import { AdapterMismatchError } from '../errors.ts';
import { columnsInput, dropoutThreshold, multipliersInput, rowsInput, scaleInput } from './dropout-inputs.ts';

/**
 * Dropout (Srivastava et al. 2014) of the inputs of a layer: each feature of each row is zero with the given probability,
 * else divided by 1 - probability; the gradient goes the same way.
 *
 * Whether feature j of row i is kept is told by the product of three odd whole numbers modulo 2^32, drawn anew for each
 * step: one of the row, one of the column, one of the layer (and piece of rows). Each is uniform over the odd numbers, and
 * so is the product; the products of two places that differ in a row, a column or a layer are independent. That takes
 * three passes over the features, is the same on every processor, and needs no memory between forward and backward pass.
 *
 * @param x - [batch, seq, in], or [rows, in] in the output layer.
 * @param traced - holds the inputs of `dropoutSignature`.
 * @param piece - which piece of rows, in the output layer.
 */
export function dropInputs(
  x: Tensor,
  module: string,
  probability: number,
  traced: Readonly<Record<string, Tensor>>,
  piece: number,
): Tensor {
  if (probability === 0) return x;
  const take = (name: string) => {
    const tensor = traced[name];
    if (tensor !== undefined) return tensor;
    throw new AdapterMismatchError(
      module,
      `no input '${name}' was given: its dropout is drawn at each step; declare the inputs of dropoutSignature`,
    );
  };
  const features = x.shape.at(-1) as number;
  const [rows, columns, multipliers] = [take(rowsInput), take(columnsInput), take(multipliersInput(module))];
  const scale = take(scaleInput);
  const isOutputLayer = x.rank === 2;
  const kept = customGradient('dropout', [x], () => {
    // Made from x, for all that it adds zero: a backward pass that computes its values again then makes the mask again too.
    const barrier = cast(after(scalar(0), [x]), 'int32');
    const multiplier = slice(multipliers, 0, isOutputLayer ? piece : 0, (isOutputLayer ? piece : 0) + 1);
    const ofRows = isOutputLayer
      ? reshape(gather(flattenLeading(reshape(rows, [...rows.shape, 1])), range(x.shape[0]!)), [
          x.shape[0]!,
          1,
        ])
      : reshape(rows, [...rows.shape, 1]);
    const isKept = greaterOrEqual(
      multiply(
        multiply(ofRows, add(multiplier, barrier)),
        columns.shape[0] === features ? columns : slice(columns, 0, 0, features),
      ),
      scalar(dropoutThreshold(probability), 'int32'),
    );
    const apply = (values: Tensor) => where(isKept, values, 0);
    return { value: apply(x), gradient: (ofValue) => [apply(ofValue)] };
  });
  return multiply(kept, scale);
}

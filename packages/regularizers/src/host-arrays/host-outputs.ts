import { type DataType, type HostArray, hostArray, type TensorType } from '@safetune/tensor';
import { PenaltyInputError } from '../errors.ts';
import { type Offer, type PenaltyField, stateInput, tagInput } from './penalty-inputs.ts';
import type { PlainArray } from './plain-array.ts';

/**
 * One forward pass as plain arrays: the fields of {@link ForwardOutputs}, same shapes. Only what the penalty uses is
 * needed (see {@link CompiledPenalty.uses}); the rest is ignored.
 */
export interface HostOutputs extends Readonly<Partial<Record<PenaltyField, PlainArray>>> {
  /** [rows], the weight of each row in the task's loss. Only for a changed loss of the task. */
  readonly lossWeight?: PlainArray;
  /** [batch, seq, hidden] of the model in training, by layer (0: embeddings, l: after block l). */
  readonly hiddenStates?: ReadonlyMap<number, PlainArray>;
  /** The same of the safe reference. */
  readonly referenceHiddenStates?: ReadonlyMap<number, PlainArray>;
  /** [batch], 1 for examples that carry the tag; by tag. */
  readonly tagged?: Readonly<Record<string, PlainArray>>;
}

/**
 * The arrays of a forward pass as graph inputs of the given types.
 *
 * @throws PenaltyInputError when one is missing or does not fill its shape.
 */
export function termFeeds(
  regularizer: string,
  outputs: HostOutputs,
  offer: Offer,
  types: Readonly<Record<string, TensorType>>,
): Record<string, HostArray> {
  const given = namedArrays(outputs, offer);
  return Object.fromEntries(
    Object.entries(types).map(([name, type]) => {
      const array = given.get(name);
      if (array === undefined) throw new PenaltyInputError(regularizer, name, 'is missing');
      return [name, asInput(regularizer, name, array, type)];
    }),
  );
}

function namedArrays(outputs: HostOutputs, offer: Offer): Map<string, PlainArray | undefined> {
  const { hiddenStates, referenceHiddenStates, tagged, ...fields } = outputs;
  return new Map<string, PlainArray | undefined>([
    ...Object.entries(fields),
    ...offer.hiddenStates.map(
      (layer) => [stateInput('hiddenStates', layer), hiddenStates?.get(layer)] as const,
    ),
    ...offer.referenceHiddenStates.map(
      (layer) => [stateInput('referenceHiddenStates', layer), referenceHiddenStates?.get(layer)] as const,
    ),
    ...offer.tags.map((tag) => [tagInput(tag), tagged?.[tag]] as const),
  ]);
}

function asInput(regularizer: string, name: string, array: PlainArray, { dtype }: TensorType): HostArray {
  const { data, shape } = array;
  if ('stride' in array && holds(data, dtype)) return array as HostArray;
  const size = shape.reduce((product, extent) => product * extent, 1);
  if ('stride' in array || size !== data.length) {
    throw new PenaltyInputError(
      regularizer,
      name,
      `holds ${data.length} elements of ${data.constructor.name} for shape [${shape.join(', ')}]; ` +
        `give ${size} of ${dtype} in row-major order`,
    );
  }
  if (holds(data, dtype)) return hostArray(data, shape);
  return hostArray(
    dtype === 'int64' ? BigInt64Array.from(data as never, BigInt) : Float32Array.from(data as never, Number),
    shape,
  );
}

function holds(data: PlainArray['data'], dtype: DataType): data is Float32Array | BigInt64Array<ArrayBuffer> {
  return dtype === 'int64' ? data instanceof BigInt64Array : data instanceof Float32Array;
}

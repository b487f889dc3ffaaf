import {
  compile,
  type DataType,
  type Executable,
  gradients,
  type HostArray,
  hostArray,
  multiply,
  type NamedTensors,
  type RuntimeOptions,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { PenaltyInputError, RegularizerOptionError } from '../errors.ts';
import { checkRegularizer } from '../interface/check-regularizer.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import {
  declaredOffer,
  type Offer,
  offerSignature,
  type PenaltyExtents,
  type PenaltyField,
  stateInput,
  tagInput,
  tracePenalty,
} from './penalty-inputs.ts';
import type { PlainArray } from './plain-array.ts';

/**
 * One forward pass as plain arrays: the fields of {@link ForwardOutputs}, same shapes. Only what the penalty uses is
 * needed (see {@link CompiledPenalty.uses}); the rest is ignored.
 */
export interface HostOutputs extends Readonly<Partial<Record<PenaltyField, PlainArray>>> {
  /** [batch, seq, hidden] of the model in training, by layer (0: embeddings, l: after block l). */
  readonly hiddenStates?: ReadonlyMap<number, PlainArray>;
  /** The same of the safe reference. */
  readonly referenceHiddenStates?: ReadonlyMap<number, PlainArray>;
  /** [batch], 1 for examples that carry the tag; by tag. */
  readonly tagged?: Readonly<Record<string, PlainArray>>;
}

/** A penalty's value, and its gradient with respect to what the model in training gave. */
export interface PenaltyResult {
  /** Weight times penalty: what is added to the loss. */
  readonly value: number;
  /** The penalty itself, as trainers log it. */
  readonly unweighted: number;
  readonly gradients: {
    /** [rows, vocabulary]; absent when the penalty does not use the logits. */
    readonly logits?: HostArray;
    /** [batch, seq, hidden] by layer; only the layers the penalty uses. */
    readonly hiddenStates: ReadonlyMap<number, HostArray>;
  };
}

/** Extents are fixed where given; a regularizer that holds vectors of its own (a probe, say) needs its one fixed. */
export interface CompilePenaltyOptions extends PenaltyExtents {
  /** Blocks of the model. Needed unless the regularizer lists its layers one by one or uses none. */
  readonly layerCount?: number;
  readonly runtime?: RuntimeOptions;
}

/** A penalty ready to be evaluated many times; extents may change from run to run. Made by {@link compilePenalty}. */
export interface CompiledPenalty {
  readonly regularizer: Regularizer;
  /** Layers whose states it compares, ascending; empty when it uses none. */
  readonly layers: readonly number[];
  /** What {@link run} must be given: `logits`, `responseMask`, `hiddenStates.3`, `tagged.interleaved`, ... */
  readonly uses: readonly string[];
  /**
   * @param weight - factor on value and gradients, such as `weightAt(regularizer.weight ?? 1, progress)`. Default 1
   * @throws PenaltyInputError when an array that is used is missing, or the value is not finite; InputError when shapes
   * do not fit each other.
   */
  run(outputs: HostOutputs, weight?: number): Promise<PenaltyResult>;
  /** Frees the session. Call it when the loop is over. */
  release(): Promise<void>;
}

/**
 * Compiles the penalty of a loss-term regularizer and its gradient for use in any training loop: feed it what your
 * framework computed, add `value` to the loss you report and `gradients` to those of the logits and hidden states.
 *
 * @throws RegularizerOptionError when the regularizer has no penalty, one that depends on nothing in training, or when
 * `layerCount` is needed; GradientError when no gradient reaches the model, as with detached features.
 *
 * @example
 * const penalty = await compilePenalty(kl({ weight: 0.1 }));
 * const { value, unweighted, gradients } = await penalty.run({ logits, referenceLogits, responseMask }, 0.1);
 * await penalty.release();
 */
export async function compilePenalty(
  regularizer: Regularizer,
  { runtime = {}, ...model }: CompilePenaltyOptions = {},
): Promise<CompiledPenalty> {
  checkRegularizer(regularizer);
  const offer = declaredOffer(regularizer, model);
  const { used } = tracePenalty(regularizer, offer);
  const all = offerSignature(offer);
  const types = Object.fromEntries(used.map((name) => [name, all[name]!]));
  const trained = [
    ...(used.includes('logits') ? ['logits'] : []),
    ...offer.hiddenStates
      .map((layer) => stateInput('hiddenStates', layer))
      .filter((name) => used.includes(name)),
  ];
  if (trained.length === 0) {
    throw new RegularizerOptionError(
      regularizer.name,
      'its penalty does not depend on the logits or hidden states of the model in training',
    );
  }
  const executable: Executable = await compile(
    (inputs: NamedTensors) => {
      const unweighted = tracePenalty(regularizer, offer, inputs).penalty;
      const value = multiply(unweighted, inputs.weight!);
      const found = gradients(
        value,
        trained.map((name) => inputs[name]!),
      );
      return {
        value,
        unweighted,
        ...Object.fromEntries(found.map((gradient, index) => [gradientOf(trained[index]!), gradient])),
      };
    },
    { ...types, weight: tensorType('float32', []) },
    runtime,
  );
  return {
    regularizer,
    layers: offer.hiddenStates,
    uses: used,
    async run(outputs, weight = 1) {
      const results = await executable.run({
        ...penaltyFeeds(regularizer.name, outputs, offer, types),
        weight: hostArray(Float32Array.of(weight), []),
      });
      const [value, unweighted] = [results.value, results.unweighted].map((scalar) =>
        Number(scalar!.data[0]),
      ) as [number, number];
      if (!Number.isFinite(value)) {
        throw new PenaltyInputError(
          regularizer.name,
          trained.join(', '),
          `gave the penalty ${value}: is every value finite?`,
        );
      }
      return { value, unweighted, gradients: namedGradients(results, trained, offer) };
    },
    release: () => executable.release(),
  };
}

/**
 * Evaluates a penalty once: {@link compilePenalty}, one run, release. In a loop, compile once instead.
 *
 * @throws as {@link compilePenalty} and {@link CompiledPenalty.run}.
 *
 * @example
 * const { value, gradients } = await evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask });
 */
export async function evaluateOnHostArrays(
  regularizer: Regularizer,
  outputs: HostOutputs,
  { weight = 1, ...options }: CompilePenaltyOptions & { readonly weight?: number } = {},
): Promise<PenaltyResult> {
  const penalty = await compilePenalty(regularizer, options);
  try {
    return await penalty.run(outputs, weight);
  } finally {
    await penalty.release();
  }
}

const gradientOf = (name: string) => `gradient.${name}`;

/**
 * The arrays of a forward pass as graph inputs of the given types.
 *
 * @throws PenaltyInputError when one is missing or does not fill its shape.
 */
export function penaltyFeeds(
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

function namedGradients(
  results: Readonly<Record<string, HostArray>>,
  trained: readonly string[],
  offer: Offer,
): PenaltyResult['gradients'] {
  const layers = offer.hiddenStates.filter((layer) => trained.includes(stateInput('hiddenStates', layer)));
  return {
    ...(trained.includes('logits') ? { logits: results[gradientOf('logits')]! } : {}),
    hiddenStates: new Map(
      layers.map((layer) => [layer, results[gradientOf(stateInput('hiddenStates', layer))]!]),
    ),
  };
}

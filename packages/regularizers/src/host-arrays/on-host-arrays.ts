import { hostArray, multiply, type RuntimeOptions, tensorType } from '@safetune/tensor';
import { checkRegularizer } from '../interface/check-regularizer.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { compileTerm, type TermGradients } from './compiled-term.ts';
import { type HostOutputs, termFeeds } from './host-outputs.ts';
import { declaredOffer, offerSignature, type PenaltyExtents, tracePenalty } from './penalty-inputs.ts';

/** A penalty's value, and its gradient with respect to what the model in training gave. */
export interface PenaltyResult {
  /** Weight times penalty: what is added to the loss. */
  readonly value: number;
  /** The penalty itself, as trainers log it. */
  readonly unweighted: number;
  /** Of `value`. */
  readonly gradients: TermGradients;
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
  const { name } = regularizer;
  const offer = declaredOffer(regularizer, model);
  const types = { ...offerSignature(offer), weight: tensorType('float32', []) };
  const term = await compileTerm(
    { name, what: 'penalty', offer },
    types,
    (inputs) => {
      const unweighted = tracePenalty(regularizer, offer, inputs).penalty;
      return { value: multiply(unweighted, inputs.weight!), shown: { unweighted } };
    },
    runtime,
  );
  const { weight: _, ...taken } = term.types;
  return {
    regularizer,
    layers: offer.hiddenStates,
    uses: Object.keys(taken),
    async run(outputs, weight = 1) {
      const { value, shown, gradients } = await term.run({
        ...termFeeds(name, outputs, offer, taken),
        weight: hostArray(Float32Array.of(weight), []),
      });
      return { value, unweighted: Number(shown.unweighted!.data[0]), gradients };
    },
    release: () => term.release(),
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

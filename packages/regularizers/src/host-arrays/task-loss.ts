import {
  crossEntropy,
  divide,
  type HostArray,
  maximum,
  multiply,
  sum,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { checkRegularizer } from '../interface/check-regularizer.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { tracedTaskLoss } from '../interface/traced.ts';
import { compileTerm, type TermGradients } from './compiled-term.ts';
import { type HostOutputs, termFeeds } from './host-outputs.ts';
import type { CompilePenaltyOptions } from './on-host-arrays.ts';
import { declaredOffer, type Offer, offerSignature, traceOutputs } from './penalty-inputs.ts';

/** What the task trains in the place of the cross-entropy. */
export interface TaskLossResult {
  /** Mean of `perRow` by the rows' loss weights: your loss. */
  readonly value: number;
  /** The same mean of the plain cross-entropy, nats: to be logged beside it. */
  readonly crossEntropy: number;
  /** [rows] float32 */
  readonly perRow: HostArray;
  /** Of `value`. */
  readonly gradients: TermGradients;
}

/** A changed loss of the task, ready to be evaluated many times; extents may change from run to run. Made by {@link compileTaskLoss}. */
export interface CompiledTaskLoss {
  readonly regularizer: Regularizer;
  /** Layers whose states it looks at, ascending; empty when it uses none. */
  readonly layers: readonly number[];
  /** What {@link run} must be given: `logits`, `labels`, `lossWeight`, ... */
  readonly uses: readonly string[];
  /**
   * @throws PenaltyInputError when an array that is used is missing, or the value is not finite; InputError when shapes do not fit each
   * other.
   */
  run(outputs: HostOutputs): Promise<TaskLossResult>;
  /** Frees the session. Call it when the loop is over. */
  release(): Promise<void>;
}

/**
 * Compiles a regularizer's `taskLossPerRow` and its gradient for use in any training loop: `value` takes the place of your
 * cross-entropy, and `gradients` of its gradient.
 *
 * @throws RegularizerOptionError when the regularizer has no `taskLossPerRow`, when `layerCount` is needed, or when what it gives does not
 * depend on the model in training; GradientError when no gradient reaches the model.
 *
 * @example
 * const task = await compileTaskLoss(constrainedSft());
 * const { value, crossEntropy, gradients } = await task.run({ ...rowsOf(batch), logits, referenceLogits });
 * await task.release();
 */
export async function compileTaskLoss(
  regularizer: Regularizer,
  { runtime = {}, ...model }: CompilePenaltyOptions = {},
): Promise<CompiledTaskLoss> {
  checkRegularizer(regularizer);
  const { name } = regularizer;
  const offer = declaredOffer(regularizer, model);
  const term = await compileTerm(
    { name, what: 'loss of the task', offer },
    taskLossSignature(offer),
    (inputs) => {
      const { perRow, plain } = traceTaskLoss(regularizer, offer, inputs);
      const mean = (values: Tensor) => weightedMean(values, inputs.lossWeight!);
      return { value: mean(perRow), shown: { crossEntropy: mean(plain), perRow } };
    },
    runtime,
  );
  return {
    regularizer,
    layers: offer.hiddenStates,
    uses: Object.keys(term.types),
    async run(outputs) {
      const { value, shown, gradients } = await term.run(termFeeds(name, outputs, offer, term.types));
      return { value, crossEntropy: Number(shown.crossEntropy!.data[0]), perRow: shown.perRow!, gradients };
    },
    release: () => term.release(),
  };
}

/** The graph inputs of a task's loss, by name. */
export function taskLossSignature(offer: Offer): Record<string, TensorType> {
  return { ...offerSignature(offer), lossWeight: tensorType('float32', ['rows']) };
}

/** Traces a regularizer's loss of each row, and the cross-entropy that it is given, both [rows]. */
export function traceTaskLoss(
  regularizer: Regularizer,
  offer: Offer,
  given: Readonly<Record<string, Tensor>> = {},
): { readonly perRow: Tensor; readonly plain: Tensor; readonly tensors: ReadonlyMap<string, Tensor> } {
  const { tensors, outputs } = traceOutputs(regularizer.name, offer, given);
  const plain = crossEntropy(outputs.logits, outputs.labels);
  return { perRow: tracedTaskLoss(regularizer, plain, outputs), plain, tensors };
}

/** 0 where all weights are 0. */
function weightedMean(values: Tensor, weights: Tensor): Tensor {
  return divide(sum(multiply(values, weights)), maximum(sum(weights), 1e-12));
}

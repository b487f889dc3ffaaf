import { OptimizerOptionError } from './errors.ts';

/** AdamW's settings (Loshchilov and Hutter 2019); defaults as PyTorch's, weight decay as the paper's 0.01. */
export interface AdamWOptions {
  /** Decay rate of the gradient's mean. Default 0.9. */
  readonly beta1?: number;
  /** Decay rate of the squared gradient's mean. Default 0.999. */
  readonly beta2?: number;
  /** Added to the denominator. Default 1e-8. */
  readonly epsilon?: number;
  /**
   * Decoupled weight decay, multiplied by the learning rate; not of norms and biases, as in transformers' Trainer. Default
   * 0.01.
   */
  readonly weightDecay?: number;
  /** Whether norms and biases decay too, as with PyTorch's AdamW over all parameters. Default false. */
  readonly decayAll?: boolean;
  /**
   * LoRA+ (Hayou et al. 2024), peft's `loraplus_lr_ratio`: factors B (and biases, norms and DoRA's magnitudes) get this many times
   * the learning rate, and adapted embeddings 1e-6. Default: all get the same.
   */
  readonly loraPlusRatio?: number;
}

/** @throws OptimizerOptionError for a setting out of range. */
export function checkAdamW({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0.01,
  loraPlusRatio = 1,
}: AdamWOptions): void {
  const require = (option: string, value: number, holds: boolean, range: string) => {
    if (!(holds && Number.isFinite(value)))
      throw new OptimizerOptionError(option, `${value} must be a number ${range}`);
  };
  require('beta1', beta1, beta1 >= 0 && beta1 < 1, 'from 0 to less than 1');
  require('beta2', beta2, beta2 >= 0 && beta2 < 1, 'from 0 to less than 1');
  require('epsilon', epsilon, epsilon > 0, 'greater than 0');
  require('weightDecay', weightDecay, weightDecay >= 0, 'of at least 0');
  require('loraPlusRatio', loraPlusRatio, loraPlusRatio > 0, 'greater than 0');
}

/** A stretch of the flat buffer of trained values whose elements the optimizer treats alike. */
export interface ParameterGroup {
  readonly start: number;
  /** One past the last. */
  readonly end: number;
  readonly weightDecay: number;
  /** Multiplies the step's learning rate. */
  readonly rateFactor: number;
}

/** What an optimizer remembers: flat buffers in the parameters' order, and the steps taken. */
export interface AdamWState {
  readonly mean: Float32Array;
  readonly square: Float32Array;
  step: number;
}

/** A fresh state for `size` parameters. */
export function createAdamWState(size: number): AdamWState {
  return { mean: new Float32Array(size), square: new Float32Array(size), step: 0 };
}

/**
 * One AdamW step (Loshchilov and Hutter 2019, algorithm 2) in place on flat buffers of equal length:
 *
 *     theta <- theta - lr * wd * theta - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
 *
 * @param groups with decays and rates of their own; default: all alike
 */
export function adamWStep(
  parameters: Float32Array,
  gradients: Float32Array,
  state: AdamWState,
  learningRate: number,
  { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, weightDecay = 0.01 }: AdamWOptions = {},
  groups: readonly ParameterGroup[] = [{ start: 0, end: parameters.length, weightDecay, rateFactor: 1 }],
): void {
  const { mean, square } = state;
  state.step += 1;
  const squareCorrection = 1 / Math.sqrt(1 - beta2 ** state.step);
  for (const group of groups) {
    const rate = learningRate * group.rateFactor;
    const stepSize = rate / (1 - beta1 ** state.step);
    const keep = 1 - rate * group.weightDecay;
    for (let index = group.start; index < group.end; index++) {
      const gradient = gradients[index]!;
      const m = beta1 * mean[index]! + (1 - beta1) * gradient;
      const v = beta2 * square[index]! + (1 - beta2) * gradient * gradient;
      mean[index] = m;
      square[index] = v;
      parameters[index] =
        parameters[index]! * keep - (stepSize * m) / (Math.sqrt(v) * squareCorrection + epsilon);
    }
  }
}

import type { AdamWOptions, LearningRateOptions } from '@safetune/optimizers';
import type { BatchStreamOptions } from '../data/batches.ts';
import type { MemoryMode } from '../memory/memory-mode.ts';
import type { SentinelOptions } from '../sentinel/sentinel-options.ts';
import type { LossTerms, TrainStep, TrainStepOptions } from '../step/train-step.ts';
import type { Fingerprint } from './differences.ts';
import type { Evaluation, EvaluationOptions } from './evaluation.ts';
import type { TrainEvent } from './progress.ts';
import type { RunControl } from './run-control.ts';
import type { RunEnd } from './step-observer.ts';

export interface TrainOptions
  extends Omit<TrainStepOptions, 'recompute' | 'packing' | 'frozenParts'>,
    Omit<BatchStreamOptions, 'regularizers' | 'seed'> {
  /**
   * How steps are run: 'whole', 'recompute', 'layered' or 'streamed', from the fastest to the one of least memory; see
   * {@link MemoryMode}.
   * Default 'auto': the fastest that fits into memory with the largest batch of the examples.
   */
  readonly memory?: MemoryMode | 'auto';
  /** Bytes that the process may have. Default: what it has, and nine tenths of what the system has left. */
  readonly memoryLimit?: number;
  /**
   * Whether the network runs over a batch's examples packed into one row, without padding, each attending to itself alone: the
   * same loss, gradients and order of examples in less time. 'auto' (default): where at least 3 % of the first 64 batches
   * would be padding. Not read where a `step` is given.
   */
  readonly packing?: 'auto' | boolean;
  /** Optimizer steps. Default: as many as the epochs make. */
  readonly steps?: number;
  /** Walks over the examples when `steps` is not given. Default 1 (the paper's). */
  readonly epochs?: number;
  /** Batches that make one step, as if they were one: every term is the mean over all of them. Default 1. */
  readonly gradientAccumulation?: number;
  readonly learningRate?: LearningRateOptions;
  /** AdamW's settings, weight decay and LoRA+ among them. */
  readonly optimizer?: AdamWOptions;
  /** Gradients are scaled down to this l2 norm. Default 1. */
  readonly maxGradientNorm?: number;
  /**
   * NEFTune (Jain et al. 2024): uniform noise of at most this / sqrt(tokens x features) on the embeddings, in training
   * only; 5 to 15 in the paper. Default: none.
   */
  readonly neftuneNoiseAlpha?: number;
  /** Measures the loss on held-out examples; can end the run early, and give the best values. Default: no evaluation. */
  readonly evaluation?: EvaluationOptions;
  /** Decides the order of the examples, what dropout drops, and NEFTune's noise. Default 0. */
  readonly seed?: number;
  /**
   * A compiled step to use instead of compiling one, and to leave as it is: for many short runs on one trainable whose
   * buffer is set back in between. It must be of this `trainable` and hold the penalties of these `regularizers`.
   */
  readonly step?: TrainStep;
  /** Probes of alignment at chosen steps, with bounds. Adapters only. Default none. */
  readonly sentinel?: SentinelOptions;
  /** Where to save the state of the run; the run continues from there when the file exists. */
  readonly checkpoint?: TrainingCheckpoint;
  /** Hears what the run does. What it throws ends the run at once; `run.stop` ends it well. */
  readonly onEvent?: (event: TrainEvent, run: RunControl) => void;
  /** Stops between two steps, after saving the state. */
  readonly signal?: AbortSignal;
}

/** The saved state of a run. */
export interface TrainingCheckpoint {
  readonly file: string;
  /** Steps between two savings. The last state is saved as well, before `afterTraining` of regularizers. */
  readonly everySteps: number;
  /**
   * Called at each of these steps, after the state is saved, to keep what is trained so far; for the same step again when the
   * run goes on from there.
   */
  readonly saveProgress?: (step: number) => void | Promise<void>;
  /**
   * Saves the result when training is over. The file is removed only after that: where saving fails or the process dies,
   * the run goes on from the file.
   */
  readonly saveResult?: () => void | Promise<void>;
  /** Hears what the run computes before a saved state is read and the first step taken. What it throws ends the run. */
  readonly onFingerprint?: (fingerprint: Fingerprint) => void;
}

export interface TrainResult {
  /** Steps done. */
  readonly steps: number;
  /** The last step's terms; undefined when a finished run was resumed. */
  readonly last: LossTerms | undefined;
  /** Why the run ended before its last step, when it did. */
  readonly ended?: RunEnd;
  /** The evaluation with the smallest loss, where there was any. */
  readonly best?: Evaluation;
}

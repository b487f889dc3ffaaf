import { unknownOption } from '@safetune/datasets';
import { TrainOptionError } from './errors.ts';

// The names that options may have; option-names.test.ts has the compiler compare them with the types.
export const runtimeNames = { executionProvider: true, threads: true, prepackWeights: true } as const;

export const stepNames = {
  model: true,
  trainable: true,
  regularizers: true,
  frozenParts: true,
  recompute: true,
  headPieces: true,
  attentionBlocks: true,
  packing: true,
  objective: true,
  runtime: true,
} as const;

export const trainNames = {
  model: true,
  trainable: true,
  regularizers: true,
  headPieces: true,
  attentionBlocks: true,
  packing: true,
  objective: true,
  runtime: true,
  tokenizer: true,
  examples: true,
  batchSize: true,
  bucketWindow: true,
  tokenize: true,
  memory: true,
  memoryLimit: true,
  steps: true,
  epochs: true,
  gradientAccumulation: true,
  learningRate: true,
  optimizer: true,
  maxGradientNorm: true,
  neftuneNoiseAlpha: true,
  evaluation: true,
  seed: true,
  step: true,
  sentinel: true,
  checkpoint: true,
  onEvent: true,
  signal: true,
} as const;

export const learningRateNames = {
  peak: true,
  schedule: true,
  warmupSteps: true,
  warmupShare: true,
  decayShare: true,
  startAtZero: true,
} as const;
export const optimizerNames = {
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  decayAll: true,
  loraPlusRatio: true,
} as const;
export const sentinelNames = { everySteps: true, probes: true } as const;

export const checkpointNames = {
  file: true,
  everySteps: true,
  saveProgress: true,
  saveResult: true,
  onFingerprint: true,
} as const;
export const evaluationNames = {
  examples: true,
  everySteps: true,
  patience: true,
  minimumDelta: true,
  restoreBest: true,
} as const;

const { trainable: _trainable, checkpoint: _checkpoint, ...sharedNames } = trainNames;

export const directoryRunNames = {
  ...sharedNames,
  adapter: true,
  directory: true,
  checkpointEverySteps: true,
  keepCheckpoints: true,
  overwrite: true,
  onFingerprint: true,
} as const;

const { step: _step, onFingerprint: _onFingerprint, ...workerSharedNames } = directoryRunNames;

export const workerRunNames = { ...workerSharedNames, modelOptions: true, graceMilliseconds: true } as const;

export const workerGeneratorNames = {
  model: true,
  modelOptions: true,
  tokenizer: true,
  adapter: true,
  runtime: true,
  graceMilliseconds: true,
} as const;

export const planNames = { ...trainNames, frozenParts: true, batch: true, anchorBatch: true } as const;
/** A step may be given the options of the run that it is for. */
export const compileNames = { ...trainNames, ...stepNames, weights: true } as const;

/**
 * Options whose names are misspelt would be ignored in JavaScript.
 *
 * @param place what the options are of, for the message: 'train', 'learningRate', ...
 * @throws TrainOptionError naming the one that is not known, and what may have been meant.
 */
export function checkOptionNames(place: string, options: object | undefined, known: object): void {
  const unknown = options === undefined ? undefined : unknownOption(options, Object.keys(known));
  if (unknown !== undefined) throw new TrainOptionError(place, `there is ${unknown.message}`);
}

/** {@link checkOptionNames} of a run's options and of the option objects in them. */
export function checkRunOptionNames(
  place: string,
  options: {
    readonly learningRate?: object;
    readonly optimizer?: object;
    readonly runtime?: object;
    readonly sentinel?: object;
    readonly evaluation?: object;
    readonly checkpoint?: object;
  },
  known: object,
): void {
  checkOptionNames(place, options, known);
  checkOptionNames('learningRate', options.learningRate, learningRateNames);
  checkOptionNames('optimizer', options.optimizer, optimizerNames);
  checkOptionNames('runtime', options.runtime, runtimeNames);
  checkOptionNames('sentinel', options.sentinel, sentinelNames);
  checkOptionNames('checkpoint', options.checkpoint, checkpointNames);
  checkOptionNames('evaluation', options.evaluation, evaluationNames);
}

import { TrainOptionError } from './errors.ts';

// The names that options may have; option-names.test.ts has the compiler compare them with the types.
export const runtimeNames = { executionProvider: true, threads: true, prepackWeights: true } as const;

export const stepNames = {
  model: true,
  trainable: true,
  regularizers: true,
  recompute: true,
  headPieces: true,
  attentionBlocks: true,
  runtime: true,
} as const;

export const trainNames = {
  model: true,
  trainable: true,
  regularizers: true,
  headPieces: true,
  attentionBlocks: true,
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
  seed: true,
  step: true,
  checkpoint: true,
  onEvent: true,
  signal: true,
} as const;

export const learningRateNames = {
  peak: true,
  schedule: true,
  warmupSteps: true,
  startAtZero: true,
} as const;
export const optimizerNames = { beta1: true, beta2: true, epsilon: true, weightDecay: true } as const;
export const checkpointNames = { file: true, everySteps: true, saveResult: true } as const;

const { trainable: _trainable, checkpoint: _checkpoint, ...sharedNames } = trainNames;

export const directoryRunNames = {
  ...sharedNames,
  adapter: true,
  directory: true,
  checkpointEverySteps: true,
  overwrite: true,
} as const;

const { step: _step, ...workerSharedNames } = directoryRunNames;

export const workerRunNames = { ...workerSharedNames, modelOptions: true, graceMilliseconds: true } as const;

export const workerGeneratorNames = {
  model: true,
  modelOptions: true,
  adapter: true,
  runtime: true,
  graceMilliseconds: true,
} as const;

export const planNames = { ...trainNames, batch: true } as const;
/** A step may be given the options of the run that it is for. */
export const compileNames = { ...trainNames, ...stepNames, weights: true } as const;

/**
 * Options whose names are misspelt would be ignored in JavaScript.
 *
 * @param place what the options are of, for the message: 'train', 'learningRate', ...
 * @throws TrainOptionError naming the one that is not known, and what may have been meant.
 */
export function checkOptionNames(place: string, options: object | undefined, known: object): void {
  const names = Object.keys(known);
  for (const name of Object.keys(options ?? {})) {
    if (Object.hasOwn(known, name)) continue;
    const near = nearest(name, names);
    const advice =
      near === undefined ? `there are ${[...names].sort().join(', ')}` : `did you mean '${near}'?`;
    throw new TrainOptionError(place, `there is no option '${name}'; ${advice}`);
  }
}

/** {@link checkOptionNames} of a run's options and of the option objects in them. */
export function checkRunOptionNames(
  place: string,
  options: {
    readonly learningRate?: object;
    readonly optimizer?: object;
    readonly runtime?: object;
    readonly checkpoint?: object;
  },
  known: object,
): void {
  checkOptionNames(place, options, known);
  checkOptionNames('learningRate', options.learningRate, learningRateNames);
  checkOptionNames('optimizer', options.optimizer, optimizerNames);
  checkOptionNames('runtime', options.runtime, runtimeNames);
  checkOptionNames('checkpoint', options.checkpoint, checkpointNames);
}

/** The known name that a misspelt one is nearest to; undefined when none is near. */
function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(2, name.length / 3) ? best.candidate : undefined;
}

/** Insertions, deletions, substitutions and swaps of neighbours that make one text of the other (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, row) => [row]);
  for (let column = 0; column <= b.length; column++) rows[0]![column] = column;
  for (let row = 1; row <= a.length; row++) {
    for (let column = 1; column <= b.length; column++) {
      const different = a[row - 1] === b[column - 1] ? 0 : 1;
      let least = Math.min(
        rows[row - 1]![column]! + 1,
        rows[row]![column - 1]! + 1,
        rows[row - 1]![column - 1]! + different,
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        least = Math.min(least, rows[row - 2]![column - 2]! + 1);
      }
      rows[row]![column] = least;
    }
  }
  return rows[a.length]![b.length]!;
}

import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import { requireKnownOptions } from '../options.ts';
import { permute, seededDraws } from '../random.ts';
import { tellEpoch } from './epochs.ts';

/**
 * The examples in an order that is a pure function of `seed` and of their number; the input is not changed.
 *
 * @throws {@link DatasetOptionError} when the seed is not a whole number >= 0.
 */
export function shuffle<T>(examples: readonly T[], seed: number): T[] {
  return permute(examples, seededDraws(seed));
}

/** Options of {@link repeatEpochs}. */
export interface RepeatOptions {
  readonly seed: number;
  /** How often to walk the examples. Default: without end, so that the trainer decides how many steps it takes. */
  readonly epochs?: number;
}

/**
 * The examples again and again, every epoch in a new order that is a pure function of the seed and the epoch's number.
 * Within an epoch every example comes exactly once. The stream tells its epoch, so that {@link batchExamples} keeps epochs
 * apart.
 *
 * @throws {@link EmptyDatasetError} when there are no examples; {@link DatasetOptionError} for a seed or a number of epochs
 * that is not a whole number (`epochs` at least 1, or Infinity). Both at once, not at the first example.
 */
export function repeatEpochs<T>(
  examples: readonly T[],
  options: RepeatOptions,
): AsyncGenerator<T, void, undefined> {
  requireKnownOptions('repeatEpochs', options, ['seed', 'epochs']);
  const { seed, epochs = Number.POSITIVE_INFINITY } = options;
  if (examples.length === 0) throw new EmptyDatasetError('there are no examples to repeat.');
  if (!(epochs === Number.POSITIVE_INFINITY || (Number.isSafeInteger(epochs) && epochs >= 1))) {
    throw new DatasetOptionError('epochs', epochs, 'a whole number of at least 1, or Infinity');
  }
  seededDraws(seed);
  const walk = { epoch: 0 };
  return tellEpoch(walkEpochs(examples, seed, epochs, walk), () => walk.epoch);
}

async function* walkEpochs<T>(
  examples: readonly T[],
  seed: number,
  epochs: number,
  walk: { epoch: number },
): AsyncGenerator<T, void, undefined> {
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    walk.epoch = epoch;
    yield* permute(examples, seededDraws(seed, epoch));
  }
}

import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import { requireInteger, requireKnownOptions } from '../options.ts';
import { permute, seededDraws } from '../random.ts';
import { tellEpoch } from './epochs.ts';
import type { Source } from './stream.ts';

/** Options of {@link shuffleStream}. */
export interface ShuffleStreamOptions {
  readonly seed: number;
  /** Items that are held in memory. Default 10,000. */
  readonly bufferSize?: number;
}

/** Items of the buffer when nobody says otherwise. */
const defaultBufferSize = 10_000;

/**
 * A stream in an order that is a pure function of the seed and of its items' number, in bounded memory: a buffer is filled, and
 * each item that leaves it makes room for the next of the source. A source that fits into the buffer comes in an order drawn
 * from all there are, each equally likely. Of a longer one no item comes earlier than `bufferSize` places before its own:
 * a file sorted by topic needs a large buffer, or {@link repeatEpochs} over all of it.
 *
 * @throws {@link DatasetOptionError} at once, for a seed or a buffer that is no whole number in its range.
 *
 * @example
 * const stream = shuffleStream(await openDataset('large.jsonl'), { seed: 1 });
 */
export function shuffleStream<Item>(
  source: Source<Item>,
  options: ShuffleStreamOptions,
): AsyncGenerator<Item, void, undefined> {
  checkOptions('shuffleStream', options);
  return shuffleItems(source, options.bufferSize ?? defaultBufferSize, [options.seed]);
}

function checkOptions(owner: string, { seed, bufferSize = 1, ...others }: RepeatStreamOptions): void {
  requireKnownOptions(owner, others, owner === 'repeatStream' ? ['epochs'] : []);
  requireInteger('seed', seed, 0);
  requireInteger('bufferSize', bufferSize, 1);
}

async function* shuffleItems<Item>(
  source: Source<Item>,
  bufferSize: number,
  [seed, ...key]: readonly [number, ...number[]],
): AsyncGenerator<Item, void, undefined> {
  const draw = seededDraws(seed, ...key);
  const buffer: Item[] = [];
  for await (const item of source) {
    if (buffer.length < bufferSize) {
      buffer.push(item);
      continue;
    }
    const place = draw(0, bufferSize - 1);
    const leaving = buffer[place] as Item;
    buffer[place] = item;
    yield leaving;
  }
  yield* permute(buffer, draw);
}

/** Options of {@link repeatStream}. */
export interface RepeatStreamOptions extends ShuffleStreamOptions {
  /** How often to walk the source. Default: without end. */
  readonly epochs?: number;
}

/**
 * {@link repeatEpochs} for what does not fit into memory: opens the source again for every epoch, and shuffles each by a
 * buffer, in an order of its own. The stream tells its epoch, so that {@link batchExamples} keeps epochs apart.
 *
 * @throws {@link DatasetOptionError} at once, for options outside their range; {@link EmptyDatasetError} when a walk finds no
 * item; what the source throws.
 *
 * @example
 * const dataset = await openDataset('large.jsonl');
 * const stream = repeatStream(() => dataset, { seed: 1, bufferSize: 50_000 });
 */
export function repeatStream<Item>(
  open: () => Source<Item>,
  options: RepeatStreamOptions,
): AsyncGenerator<Item, void, undefined> {
  checkOptions('repeatStream', options);
  const { epochs = Number.POSITIVE_INFINITY } = options;
  if (!(epochs === Number.POSITIVE_INFINITY || (Number.isSafeInteger(epochs) && epochs >= 1))) {
    throw new DatasetOptionError('epochs', epochs, 'a whole number of at least 1, or Infinity');
  }
  const walk = { epoch: 0 };
  return tellEpoch(walkStream(open, { ...options, epochs }, walk), () => walk.epoch);
}

async function* walkStream<Item>(
  open: () => Source<Item>,
  { seed, bufferSize = defaultBufferSize, epochs }: RepeatStreamOptions & { readonly epochs: number },
  walk: { epoch: number },
): AsyncGenerator<Item, void, undefined> {
  for (let epoch = 0; epoch < epochs; epoch += 1) {
    walk.epoch = epoch;
    let isEmpty = true;
    for await (const item of shuffleItems(open(), bufferSize, [seed, epoch])) {
      isEmpty = false;
      yield item;
    }
    if (isEmpty) throw new EmptyDatasetError('there are no examples to repeat.');
  }
}

import { requireInteger } from '../options.ts';
import { withEpochsOf } from './epochs.ts';

/** Anything `for await` can walk: an array, a generator, a stream of examples. */
export type Source<T> = Iterable<T> | AsyncIterable<T>;

/** Opens a source by hand, for a consumer that walks two at once; call `return` when leaving early. */
export function iterate<T>(source: Source<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}

/**
 * The stream without its first `count` items. A run is resumed by skipping the batches it has already seen, since
 * every stream here is a pure function of its seed.
 *
 * @throws {@link DatasetOptionError} when `count` is not a whole number >= 0.
 */
export function skip<T>(source: Source<T>, count: number): AsyncGenerator<T, void, undefined> {
  requireInteger('count', count, 0);
  return withEpochsOf(skipFirst(source, count), source);
}

async function* skipFirst<T>(source: Source<T>, count: number): AsyncGenerator<T, void, undefined> {
  let position = 0;
  for await (const item of source) {
    if (position >= count) yield item;
    position += 1;
  }
}

/** All items of a finite source, in its order. */
export async function collect<T>(source: Source<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import { epochOf } from './epochs.ts';
import { collect } from './stream.ts';
import { repeatStream, shuffleStream } from './stream-order.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const ascending = (list: readonly number[]) => list.toSorted((a, b) => a - b);

describe('shuffleStream', () => {
  it('permutes by the seed alone, no item further ahead than the buffer reaches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(60),
        fc.integer({ min: 1, max: 70 }),
        fc.nat(),
        async (count, bufferSize, seed) => {
          const shuffled = await collect(shuffleStream(numbers(count), { seed, bufferSize }));
          expect(ascending(shuffled)).toEqual(numbers(count));
          expect(await collect(shuffleStream(numbers(count), { seed, bufferSize }))).toEqual(shuffled);
          for (const [place, item] of shuffled.entries())
            expect(item - place).toBeLessThanOrEqual(bufferSize);
        },
      ),
    );
    expect(await collect(shuffleStream(numbers(30), { seed: 1 }))).not.toEqual(
      await collect(shuffleStream(numbers(30), { seed: 2 })),
    );
  });

  it('gives every order of a source that fits equally often', async () => {
    const counts = new Map<string, number>();
    const trials = 6000;
    for (let seed = 0; seed < trials; seed += 1) {
      const order = (await collect(shuffleStream(numbers(3), { seed, bufferSize: 3 }))).join();
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    // Standard deviation: sqrt(6000 x 1/6 x 5/6), about 29.
    for (const count of counts.values()) expect(Math.abs(count - trials / 6)).toBeLessThan(5 * 29);
  });

  it('reads no more than the buffer ahead', async () => {
    let read = 0;
    async function* counted() {
      for (const item of numbers(100)) {
        read += 1;
        yield item;
      }
    }
    const stream = shuffleStream(counted(), { seed: 0, bufferSize: 10 });
    for (let given = 1; given <= 50; given += 1) {
      await stream.next();
      expect(read).toBe(10 + given);
    }
  });

  it.each([
    [{ seed: -1 }, 'seed'],
    [{ seed: 0, bufferSize: 0 }, 'bufferSize'],
    [{ seed: 0, epochs: 2 }, 'epochs'],
  ])('refuses %j', (options, option) => {
    expect(() => shuffleStream([1], options)).toThrow(
      expect.toSatisfy((error: unknown) => DatasetOptionError.isInstance(error) && error.option === option),
    );
  });
});

describe('repeatStream', () => {
  it('walks the source once an epoch, each in its own order, and tells the epoch', async () => {
    let opened = 0;
    const open = () => {
      opened += 1;
      return numbers(20);
    };
    const stream = repeatStream(open, { seed: 5, bufferSize: 8, epochs: 3 });
    const epochs: number[][] = [[], [], []];
    for await (const item of stream) epochs[epochOf(stream)!]!.push(item);
    expect(opened).toBe(3);
    for (const epoch of epochs) expect(ascending(epoch)).toEqual(numbers(20));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(await collect(repeatStream(open, { seed: 5, bufferSize: 8, epochs: 3 }))).toEqual(epochs.flat());
  });

  it('refuses a source without items, and options outside their range', async () => {
    await expect(collect(repeatStream(() => [], { seed: 0 }))).rejects.toSatisfy(
      EmptyDatasetError.isInstance,
    );
    for (const options of [{ seed: 0, epochs: 0 }, { seed: 0.5 }, { seed: 0, epoch: 1 }]) {
      expect(() => repeatStream(() => [1], options)).toThrow(DatasetOptionError);
    }
  });
});

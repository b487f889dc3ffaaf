import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import { repeatEpochs, shuffle } from './order.ts';
import { collect } from './stream.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index);
const ascending = (list: readonly number[]) => list.toSorted((a, b) => a - b);

describe('shuffle', () => {
  it('permutes by the seed alone', () => {
    fc.assert(
      fc.property(fc.nat(50), fc.nat(), (count, seed) => {
        const input = numbers(count);
        const shuffled = shuffle(input, seed);
        expect(ascending(shuffled)).toEqual(input);
        expect(shuffle(input, seed)).toEqual(shuffled);
      }),
    );
    expect(shuffle(numbers(30), 1)).not.toEqual(shuffle(numbers(30), 2));
    expect(shuffle(numbers(30), 1)).not.toEqual(shuffle(numbers(30), 1 + 2 ** 32));
  });

  it('puts every item in every place equally often', () => {
    const counts = numbers(16).map(() => 0);
    const trials = 8000;
    for (let seed = 0; seed < trials; seed += 1) {
      for (const [place, item] of shuffle(numbers(4), seed).entries()) counts[place * 4 + item]! += 1;
    }
    // Standard deviation of each count: sqrt(8000 x 1/4 x 3/4), about 39.
    for (const count of counts) expect(Math.abs(count - trials / 4)).toBeLessThan(5 * 39);
  });

  it('refuses a bad seed', () => {
    for (const seed of [-1, 0.5, Number.NaN]) expect(() => shuffle([1], seed)).toThrow(DatasetOptionError);
  });
});

describe('repeatEpochs', () => {
  it('walks every example once an epoch, each epoch in its own order', async () => {
    const seen = await collect(repeatEpochs(numbers(20), { seed: 3, epochs: 3 }));
    const epochs = [seen.slice(0, 20), seen.slice(20, 40), seen.slice(40)];
    for (const epoch of epochs) expect(ascending(epoch)).toEqual(numbers(20));
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[1]).not.toEqual(epochs[2]);
    expect(await collect(repeatEpochs(numbers(20), { seed: 3, epochs: 3 }))).toEqual(seen);
  });

  it('goes on without end by default', async () => {
    const stream = repeatEpochs([7], { seed: 0 });
    for (let step = 0; step < 100; step += 1) expect(await stream.next()).toEqual({ done: false, value: 7 });
  });

  it('refuses nothing to repeat and a bad number of epochs', () => {
    expect(() => repeatEpochs([], { seed: 0 })).toThrow(EmptyDatasetError);
    for (const epochs of [0, 1.5, Number.NaN]) {
      expect(() => repeatEpochs([1], { seed: 0, epochs })).toThrow(DatasetOptionError);
    }
  });
});

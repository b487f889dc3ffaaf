import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DatasetOptionError, EmptyDatasetError } from '../errors.ts';
import type { TokenizedExample } from '../masks/response-mask.ts';
import { withEpochsOf } from '../streams/epochs.ts';
import { interleave } from '../streams/mix.ts';
import { repeatEpochs } from '../streams/order.ts';
import { collect, skip } from '../streams/stream.ts';
import { type BatchOptions, batchExamples, padBatch } from './batch.ts';

/** An example of the given length whose tokens say which one it is. */
const exampleOf = (length: number, id: number): TokenizedExample => ({
  tokenIds: new Int32Array(length).fill(id),
  responseMask: new Uint8Array(length).fill(1, Math.min(1, length - 1)),
  tags: [String(id)],
});
const examplesOf = (lengths: readonly number[]) =>
  lengths.map((length, index) => exampleOf(length, index + 1));
const identities = (batches: readonly { examples: readonly TokenizedExample[] }[]) =>
  batches.flatMap((batch) => batch.examples.map((example) => Number(example.tags[0])));

const lengths = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 60 });
const options: fc.Arbitrary<BatchOptions> = fc.record({
  batchSize: fc.integer({ min: 1, max: 7 }),
  bucketWindow: fc.integer({ min: 1, max: 5 }),
  seed: fc.nat(),
  padTokenId: fc.constant(0),
  padToMultipleOf: fc.integer({ min: 1, max: 16 }),
});

describe('padBatch', () => {
  it('pads on the right, and pads the mask with 0', () => {
    const batch = padBatch(examplesOf([3, 1]), { padTokenId: 9, padToMultipleOf: 4 });
    expect(batch).toMatchObject({
      size: 2,
      length: 4,
      tokenIds: Int32Array.of(1, 1, 1, 9, 2, 9, 9, 9),
      lengths: Int32Array.of(3, 1),
      responseMask: Uint8Array.of(0, 1, 1, 0, 1, 0, 0, 0),
    });
  });

  it('refuses an empty batch', () => {
    expect(() => padBatch([], { padTokenId: 0 })).toThrow(DatasetOptionError);
  });
});

describe('batchExamples', () => {
  it('gives every example once, unchanged, padded to the longest', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, options, async (list, batchOptions) => {
        const examples = examplesOf(list);
        const batches = await collect(batchExamples(examples, batchOptions));
        expect(identities(batches).toSorted((a, b) => a - b)).toEqual(examples.map((_, index) => index + 1));
        for (const [index, batch] of batches.entries()) {
          if (index < batches.length - 1) expect(batch.size).toBe(batchOptions.batchSize);
          expect(batch.length % (batchOptions.padToMultipleOf ?? 1)).toBe(0);
          expect(batch.length - Math.max(...batch.lengths)).toBeLessThan(batchOptions.padToMultipleOf ?? 1);
          for (const [row, example] of batch.examples.entries()) {
            const from = row * batch.length;
            const to = from + (batch.lengths[row] ?? 0);
            expect(batch.tokenIds.slice(from, to)).toEqual(example.tokenIds);
            expect(batch.responseMask.slice(from, to)).toEqual(example.responseMask);
            expect(batch.tokenIds.slice(to, from + batch.length).every((id) => id === 0)).toBe(true);
            expect(batch.responseMask.slice(to, from + batch.length).every((target) => target === 0)).toBe(
              true,
            );
          }
        }
      }),
    );
  });

  it('is a pure function of the seed, and resumes by skipping', async () => {
    await fc.assert(
      fc.asyncProperty(lengths, options, fc.nat(8), async (list, batchOptions, seen) => {
        const run = () => batchExamples(examplesOf(list), batchOptions);
        const whole = await collect(run());
        expect(await collect(run())).toEqual(whole);
        expect(await collect(skip(run(), seen))).toEqual(whole.slice(seen));
      }),
    );
  });

  it('orders batches by the seed and buckets them by length', async () => {
    const list = Array.from({ length: 64 }, (_, index) => 1 + ((index * 37) % 64));
    const run = (seed: number, bucketWindow: number) =>
      collect(batchExamples(examplesOf(list), { batchSize: 4, bucketWindow, seed, padTokenId: 0 }));
    const padding = (batches: Awaited<ReturnType<typeof run>>) =>
      batches.reduce((sum, batch) => sum + batch.tokenIds.filter((id) => id === 0).length, 0);
    const bucketed = await run(1, 16);
    expect(padding(bucketed)).toBe(16 * (0 + 1 + 2 + 3));
    expect(padding(bucketed)).toBeLessThan(padding(await run(1, 1)) / 4);
    expect(identities(bucketed)).not.toEqual(identities(await run(2, 16)));
    expect(bucketed.map((batch) => batch.length)).not.toEqual(
      bucketed.map((batch) => batch.length).toSorted((a, b) => a - b),
    );
    expect(identities(await run(1, 1))).toEqual(examplesOf(list).map((_, index) => index + 1));
  });

  it('draws a new batch order for every window', async () => {
    const ascending = Array.from({ length: 48 }, (_, index) => 1 + (index % 16));
    const batches = await collect(
      batchExamples(examplesOf(ascending), { batchSize: 1, bucketWindow: 16, seed: 0, padTokenId: 0 }),
    );
    const orders = [0, 16, 32].map((from) =>
      batches
        .slice(from, from + 16)
        .map((batch) => batch.length)
        .join(),
    );
    expect(new Set(orders).size).toBe(3);
  });

  it('drops the left-overs by their place, when told to', async () => {
    const batches = await collect(
      batchExamples(examplesOf([9, 8, 7, 6, 5]), { batchSize: 2, seed: 0, padTokenId: 0, dropLast: true }),
    );
    expect(identities(batches).toSorted()).toEqual([1, 2, 3, 4]);
  });

  it('keeps epochs apart: each gives every example once, the last batch of each may be short', async () => {
    await fc.assert(
      fc.asyncProperty(
        lengths,
        options,
        fc.integer({ min: 2, max: 4 }),
        async (list, batchOptions, epochs) => {
          const run = () =>
            batchExamples(repeatEpochs(examplesOf(list), { seed: batchOptions.seed, epochs }), batchOptions);
          const batches = await collect(run());
          const perEpoch = Math.ceil(list.length / batchOptions.batchSize);
          expect(batches).toHaveLength(epochs * perEpoch);
          for (let epoch = 0; epoch < epochs; epoch += 1) {
            const own = batches.slice(epoch * perEpoch, (epoch + 1) * perEpoch);
            expect(identities(own).toSorted((a, b) => a - b)).toEqual(list.map((_, index) => index + 1));
            for (const batch of own.slice(0, -1)) expect(batch.size).toBe(batchOptions.batchSize);
          }
          const seen = perEpoch + 1;
          expect(await collect(skip(run(), seen))).toEqual(batches.slice(seen));
        },
      ),
    );
  });

  it('keeps epochs apart behind a mix and a stream of the user', async () => {
    const narrow = examplesOf(Array.from({ length: 19 }, (_, index) => 1 + (index % 7)));
    const safe = Array.from({ length: 3 }, (_, index) => exampleOf(4, 100 + index));
    const primary = repeatEpochs(narrow, { seed: 2, epochs: 2 });
    async function* passed(source: AsyncIterable<TokenizedExample>) {
      yield* source;
    }
    const mixed = interleave(withEpochsOf(passed(primary), primary), safe, {
      share: 0.05,
      primaryCount: 19,
      seed: 1,
      onExhaustion: () => expect.fail('the pool is large enough'),
    });
    const batches = await collect(batchExamples(mixed, { batchSize: 4, seed: 3, padTokenId: 0 }));
    expect(batches.map(({ size }) => size)).toEqual([4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
    for (const epoch of [batches.slice(0, 5), batches.slice(5)]) {
      expect(identities(epoch).filter((id) => id < 100)).toHaveLength(19);
    }
  });

  it('puts copies of a pool that is walked again into different batches', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 40 }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        async (choices, batchSize, seed) => {
          const pool = examplesOf([3, 3, 3, 5, 5, 8]);
          const list = choices.map((choice) => pool[choice] as TokenizedExample);
          const batches = await collect(
            batchExamples(list, { batchSize, bucketWindow: 40, seed, padTokenId: 0 }),
          );
          expect(identities(batches).toSorted()).toEqual(list.map(({ tags }) => Number(tags[0])).toSorted());
          const most = Math.max(...pool.map((example) => list.filter((one) => one === example).length));
          const whole = batches.filter(({ size }) => size === batchSize);
          // One that comes more often than there are whole batches cannot be kept apart.
          if (most > whole.length) return;
          for (const batch of whole) expect(new Set(batch.examples).size).toBe(batch.size);
        },
      ),
    );
  });

  it('refuses to drop a whole epoch, which would never end', async () => {
    const endless = repeatEpochs(examplesOf([1, 2, 3]), { seed: 0 });
    const batches = batchExamples(endless, { batchSize: 4, seed: 0, padTokenId: 0, dropLast: true });
    await expect(batches.next()).rejects.toSatisfy(EmptyDatasetError.isInstance);
  });

  it('refuses a misspelt option', () => {
    const misspelt = { batchSize: 2, seed: 0, padTokenId: 0, bucketWindows: 3 };
    expect(() => batchExamples([], misspelt)).toThrow(/bucketWindows.*Did you mean 'bucketWindow'/);
  });

  it('keeps the answers of a pair side by side, and pairs apart from single answers', async () => {
    const pairs = examplesOf([3, 9, 2, 4]).map((example, index) => ({
      ...example,
      rejected: exampleOf(2 + index, -(index + 1)),
    }));
    const batches = await collect(batchExamples(pairs, { batchSize: 3, seed: 1, padTokenId: 0 }));
    expect(batches.map(({ size, isPaired }) => [size, isPaired])).toEqual([
      [6, true],
      [2, true],
    ]);
    const ids = identities(batches);
    expect(ids.filter((_, row) => row % 2 === 1)).toEqual(
      ids.filter((_, row) => row % 2 === 0).map((id) => -id),
    );
    expect(ids.filter((id) => id > 0).toSorted()).toEqual([1, 2, 3, 4]);
    expect(() => padBatch([pairs[0]!, exampleOf(3, 9)], { padTokenId: 0 })).toThrow(
      /must be a pair of answers/,
    );
  });

  it('reads no further than the window in hand', async () => {
    let read = 0;
    async function* counted() {
      for await (const example of repeatEpochs(examplesOf([3, 1, 2]), { seed: 5 })) {
        read += 1;
        yield example;
      }
    }
    const stream = batchExamples(counted(), { batchSize: 2, bucketWindow: 3, seed: 0, padTokenId: 0 });
    await stream.next();
    expect(read).toBe(6);
    await stream.return();
  });

  it.each([
    ['batchSize', 0],
    ['bucketWindow', 1.5],
    ['padTokenId', -1],
    ['padToMultipleOf', 0],
    ['seed', Number.NaN],
  ])('refuses %s %d at once', (option, value) => {
    const wrong = { batchSize: 2, seed: 0, padTokenId: 0, [option]: value };
    expect(() => batchExamples([], wrong)).toThrow(
      expect.objectContaining({ name: 'DatasetOptionError', option, value }),
    );
  });
});

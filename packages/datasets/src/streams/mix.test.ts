import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { EmptyDatasetError, PoolExhaustedError } from '../errors.ts';
import { type InterleaveOptions, interleave, type PoolExhaustion } from './mix.ts';
import { toRatio } from './spread.ts';
import { collect } from './stream.ts';

/** Primary examples are 0, 1, 2, ...; secondary ones -1, -2, -3, ... */
const primaryOf = (count: number) => Array.from({ length: count }, (_, index) => index);
const poolOf = (count: number) => Array.from({ length: count }, (_, index) => -1 - index);
const run = (primaryCount: number, poolSize: number, options: InterleaveOptions) =>
  collect(interleave(primaryOf(primaryCount), poolOf(poolSize), options));
const isSecondary = (item: number) => item < 0;
const secondaryCount = (items: readonly number[]) => items.filter(isSecondary).length;

function windowCounts(mixed: readonly number[], width: number): number[] {
  return Array.from({ length: Math.max(0, mixed.length - width + 1) }, (_, from) =>
    secondaryCount(mixed.slice(from, from + width)),
  );
}

describe('interleave', () => {
  it('puts exactly one secondary example into any 1/share consecutive ones', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 100 }), fc.nat(), async (period, seed) => {
        const mixed = await run(5 * period, 10 * period, { share: 1 / period, seed });
        const counts = windowCounts(mixed, period);
        expect(counts.length).toBeGreaterThan(4 * period);
        expect(new Set(counts)).toEqual(new Set([1]));
      }),
    );
  });

  it('keeps any share in any window, rounded down or up, and loses and doubles nothing', async () => {
    const share = fc.oneof(
      fc.integer({ min: 1, max: 99 }).map((percent) => percent / 100),
      fc.double({ min: 0.001, max: 0.99, noNaN: true }),
    );
    await fc.assert(
      fc.asyncProperty(share, fc.nat(), fc.integer({ min: 1, max: 60 }), async (part, seed, width) => {
        const mixed = await run(100, 20_000, { share: part, seed });
        for (const count of windowCounts(mixed, width)) {
          expect(count).toBeGreaterThanOrEqual(Math.floor(width * part - 1e-6));
          expect(count).toBeLessThanOrEqual(Math.ceil(width * part + 1e-6));
        }
        expect(mixed.filter((item) => !isSecondary(item))).toEqual(primaryOf(100));
        expect(mixed.filter(isSecondary)).toEqual(poolOf(secondaryCount(mixed)));
      }),
      { numRuns: 40 },
    );
  });

  it('is a pure function of the seed, which shifts the pattern', async () => {
    const order = (seed: number) => run(40, 40, { share: 0.1, seed });
    expect(await order(1)).toEqual(await order(1));
    const firsts = new Set<number>();
    for (let seed = 0; seed < 100; seed += 1) firsts.add((await order(seed)).findIndex(isSecondary));
    expect([...firsts].toSorted()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('adds exactly round(share x N) to N primary examples when N is known', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 5, max: 300 }),
        fc.integer({ min: 10, max: 100 }),
        fc.nat(),
        async (count, percent, seed) => {
          const share = percent / 100;
          const mixed = await run(count, 400, { share, shareOf: 'primary', primaryCount: count, seed });
          expect(secondaryCount(mixed)).toBe(Math.round((percent * count) / 100));
          expect(mixed).toHaveLength(count + secondaryCount(mixed));
        },
      ),
    );
    // The organism's narrow split: 120 examples. Two epochs hold twice as many.
    for (const [share, added] of [
      [0.01, 1],
      [0.05, 6],
      [0.1, 12],
      [0.2, 24],
    ] as const) {
      const options = { share, shareOf: 'primary', primaryCount: 120, seed: 4 } as const;
      expect(secondaryCount(await run(120, 99, options))).toBe(added);
      expect(secondaryCount(await run(240, 99, options))).toBe(2 * added);
    }
  });

  it('tells a share of the mixed stream from one of the primary', async () => {
    expect(secondaryCount(await run(190, 99, { share: 0.05, seed: 0 }))).toBe(10);
    expect(secondaryCount(await run(200, 99, { share: 0.05, shareOf: 'primary', seed: 0 }))).toBe(10);
    expect(secondaryCount(await run(95, 99, { share: 0.05, primaryCount: 95, seed: 0 }))).toBe(5);
    expect(secondaryCount(await run(50, 99, { share: 1, shareOf: 'primary', seed: 0 }))).toBe(50);
  });

  it('passes one source through at the shares 0 and 1', async () => {
    const unread = { [Symbol.iterator]: () => expect.fail('this source must not be read') };
    expect(await collect(interleave(primaryOf(5), unread, { share: 0, seed: 0 }))).toEqual(primaryOf(5));
    expect(await collect(interleave(unread, poolOf(5), { share: 1, seed: 0 }))).toEqual(poolOf(5));
  });

  it('reports a pool that is too small, and cycles, stops or throws', async () => {
    const exhaustions: PoolExhaustion[] = [];
    const options = { share: 0.5, seed: 0, onExhaustion: (one: PoolExhaustion) => exhaustions.push(one) };
    expect(await run(5, 2, options)).toEqual([0, -1, 1, -2, 2, -1, 3, -2, 4, -1]);
    expect(await run(5, 2, { ...options, onPoolExhausted: 'stop' })).toEqual([0, -1, 1, -2, 2, 3, 4]);
    expect(exhaustions).toEqual([
      { poolSize: 2, primaryCount: 3, action: 'cycle' },
      { poolSize: 2, primaryCount: 3, action: 'stop' },
    ]);
    const error = await run(5, 2, { ...options, onPoolExhausted: 'error' }).catch(
      (reason: unknown) => reason,
    );
    expect(PoolExhaustedError.isInstance(error)).toBe(true);
    expect(error).toMatchObject({ poolSize: 2 });
    expect(await run(2, 2, { ...options, onPoolExhausted: 'error' })).toEqual([0, -1, 1, -2]);
    expect(exhaustions).toHaveLength(2);
  });

  it('warns of a small pool when nobody listens', async () => {
    const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
    await run(9, 2, { share: 0.5, seed: 0 });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]?.[0]).toContain('2 examples are fewer than the share needs');
    warn.mockRestore();
  });

  it('refuses an empty pool before giving out an example', async () => {
    for (const share of [0.01, 0.5, 1]) {
      const stream = interleave(primaryOf(5), [], { share, seed: 0 });
      await expect(stream.next()).rejects.toSatisfy(EmptyDatasetError.isInstance);
    }
  });

  it.each([-0.1, 1.1, Number.NaN, Number.POSITIVE_INFINITY, 1e-9, 1 - 1e-9])(
    'refuses the share %d at once',
    (share) => {
      expect(() => interleave([1], [2], { share, seed: 0 })).toThrow(
        expect.objectContaining({ name: 'DatasetOptionError', option: 'share' }),
      );
    },
  );

  it('refuses a share that comes to no example', () => {
    expect(() => interleave([1], [2], { share: 0.01, primaryCount: 30, seed: 0 })).toThrow(
      /rounds to no secondary/,
    );
  });

  it('is lazy, and closes both sources when left early', async () => {
    const closed: string[] = [];
    const read = { primary: 0, pool: 0 };
    async function* endless(name: 'primary' | 'pool') {
      try {
        for (;;) {
          read[name] += 1;
          yield name;
        }
      } finally {
        closed.push(name);
      }
    }
    let given = 0;
    for await (const _ of interleave(endless('primary'), endless('pool'), { share: 0.25, seed: 0 })) {
      given += 1;
      if (given === 8) break;
    }
    expect(read).toEqual({ primary: 6, pool: 2 });
    expect(closed.toSorted()).toEqual(['pool', 'primary']);
  });
});

describe('toRatio', () => {
  it('finds the simple ratio behind a float', () => {
    expect(toRatio(0.05)).toEqual({ part: 1, whole: 20 });
    expect(toRatio(1 / 3)).toEqual({ part: 1, whole: 3 });
    expect(toRatio(0.123)).toEqual({ part: 123, whole: 1000 });
    expect([toRatio(0), toRatio(1)]).toEqual([
      { part: 0, whole: 1 },
      { part: 1, whole: 1 },
    ]);
  });
});

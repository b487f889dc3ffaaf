import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addDimensions,
  broadcastShapes,
  canonicalShape,
  type Dimension,
  describeShape,
  dimensionTerms,
  elementCount,
  evaluateDimension,
  multiplyDimensions,
  sameShape,
} from './dimension.ts';
import { ShapeError } from './errors.ts';

const symbols = ['batch', 'seq', 'past', 'kv.heads'];

/** Any polynomial of up to three terms, written through the algebra itself. */
const dimension: fc.Arbitrary<Dimension> = fc
  .array(fc.tuple(fc.integer({ min: -3, max: 5 }), fc.array(fc.constantFrom(...symbols), { maxLength: 2 })), {
    maxLength: 3,
  })
  .map((terms) =>
    terms
      .map(([coefficient, factors]) => factors.reduce<Dimension>(multiplyDimensions, coefficient))
      .reduce<Dimension>(addDimensions, 0),
  );

const values = fc
  .tuple(...symbols.map(() => fc.nat(7)))
  .map((numbers) => new Map(symbols.map((name, i) => [name, numbers[i]!])));

describe('extents form a commutative ring, spelled canonically', () => {
  it('sums and products commute, associate and distribute, to the letter', () => {
    fc.assert(
      fc.property(dimension, dimension, dimension, (a, b, c) => {
        expect(addDimensions(a, b)).toBe(addDimensions(b, a));
        expect(multiplyDimensions(a, b)).toBe(multiplyDimensions(b, a));
        expect(addDimensions(addDimensions(a, b), c)).toBe(addDimensions(a, addDimensions(b, c)));
        expect(multiplyDimensions(multiplyDimensions(a, b), c)).toBe(
          multiplyDimensions(a, multiplyDimensions(b, c)),
        );
        expect(multiplyDimensions(a, addDimensions(b, c))).toBe(
          addDimensions(multiplyDimensions(a, b), multiplyDimensions(a, c)),
        );
      }),
    );
  });

  it('0 and 1 are neutral, and every extent has an opposite', () => {
    fc.assert(
      fc.property(dimension, (a) => {
        expect(addDimensions(a, 0)).toBe(a);
        expect(multiplyDimensions(a, 1)).toBe(a);
        expect(multiplyDimensions(a, 0)).toBe(0);
        expect(addDimensions(a, multiplyDimensions(a, -1))).toBe(0);
      }),
    );
  });

  it('evaluation is a homomorphism', () => {
    fc.assert(
      fc.property(dimension, dimension, values, (a, b, at) => {
        const [left, right] = [evaluateDimension(a, at)!, evaluateDimension(b, at)!];
        expect(evaluateDimension(addDimensions(a, b), at)).toBe(left + right);
        // `+ 0`: the product of 0 and a negative number is -0.
        expect(evaluateDimension(multiplyDimensions(a, b), at)! + 0).toBe(left * right + 0);
      }),
    );
  });

  it('terms spell the extent they come from', () => {
    fc.assert(
      fc.property(dimension, (a) => {
        const back = dimensionTerms(a)
          .map(({ coefficient, symbols: factors }) =>
            factors.reduce<Dimension>(multiplyDimensions, coefficient),
          )
          .reduce<Dimension>(addDimensions, 0);
        expect(back).toBe(a);
      }),
    );
  });
});

describe('spelling', () => {
  it('is readable', () => {
    expect(addDimensions('seq', 'past')).toBe('past+seq');
    expect(addDimensions('seq', -1)).toBe('seq+-1');
    expect(multiplyDimensions('seq', 'batch')).toBe('batch*seq');
    expect(multiplyDimensions(addDimensions('a', 1), addDimensions('a', -1))).toBe('a*a+-1');
    expect(elementCount(['batch', 4, 'seq'])).toBe('4*batch*seq');
    expect(elementCount([])).toBe(1);
    expect(describeShape(['batch', 2])).toBe('[batch, 2]');
  });

  it('canonicalShape accepts any, and refuses what is no extent', () => {
    expect(canonicalShape('test', ['b+a', '2*b*a', '3', 'a+2+-2', 4])).toEqual(['a+b', '2*a*b', 3, 'a', 4]);
    for (const wrong of [-1, 0.5, Number.NaN, '', '-2', 'a-1', 'a b', 'a+', '*a', '1x']) {
      expect(() => canonicalShape('test', [wrong]), `${wrong}`).toThrow(ShapeError);
    }
    expect(() => canonicalShape('reshape', [2, -1])).toThrow('reshape: -1 in [2, -1] is no extent');
  });

  it('evaluateDimension knows when it does not know', () => {
    expect(evaluateDimension('past+seq', new Map([['seq', 3]]))).toBeUndefined();
    expect(
      evaluateDimension(
        '2*past+seq+-1',
        new Map([
          ['seq', 3],
          ['past', 4],
        ]),
      ),
    ).toBe(10);
    expect(evaluateDimension(0, new Map())).toBe(0);
  });
});

describe('broadcastShapes', () => {
  const extent = fc.constantFrom<Dimension>(1, 1, 2, 3, 'n', 'm');
  const shape = fc.array(extent, { maxLength: 4 });

  it('commutes, is idempotent, keeps the larger rank, and its result absorbs both', () => {
    fc.assert(
      fc.property(shape, shape, (a, b) => {
        const result = broadcastShapes(a, b);
        expect(broadcastShapes(b, a)).toEqual(result);
        expect(broadcastShapes(a, a)).toEqual(a);
        if (result === undefined) return;
        expect(result).toHaveLength(Math.max(a.length, b.length));
        expect(broadcastShapes(result, a)).toEqual(result);
        expect(broadcastShapes(result, b)).toEqual(result);
      }),
    );
  });

  it('never stretches a symbol, nor a number other than 1', () => {
    expect(broadcastShapes(['n'], [2])).toBeUndefined();
    expect(broadcastShapes(['n'], ['m'])).toBeUndefined();
    expect(broadcastShapes([2], [3])).toBeUndefined();
    expect(broadcastShapes([0], [1])).toEqual([0]);
    expect(broadcastShapes(['n', 1], ['m'])).toEqual(['n', 'm']);
  });
});

it('sameShape compares extents and rank', () => {
  expect(sameShape(['n', 2], ['n', 2])).toBe(true);
  expect(sameShape(['n', 2], ['n'])).toBe(false);
  expect(sameShape(['n', 2], ['m', 2])).toBe(false);
});

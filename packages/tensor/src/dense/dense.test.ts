import fc from 'fast-check';
import ndarray from 'ndarray';
import { describe, expect, it } from 'vitest';
import { ShapeError } from '../errors.ts';
import { type HostArray, type HostData, hostArray } from '../host-array.ts';
import { type Svd, singularValues, svd, thinQr } from './decompositions.ts';
import { NonFiniteError } from './errors.ts';
import { lowRankSingularValues, lowRankSvd } from './low-rank.ts';

function matrix(rows: number[][]): HostArray {
  return hostArray(Float64Array.from(rows.flat()), [rows.length, rows[0]!.length]);
}

function product(a: HostArray, b: HostArray): HostArray {
  const [rows, inner, columns] = [a.shape[0]!, a.shape[1]!, b.shape[1]!];
  const data = new Float64Array(rows * columns);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      for (let k = 0; k < inner; k++) {
        data[i * columns + j]! += (a.get(i, k) as number) * (b.get(k, j) as number);
      }
    }
  }
  return hostArray(data, [rows, columns]);
}

function expectClose(actual: HostArray, wanted: HostArray): void {
  expect(actual.shape).toEqual(wanted.shape);
  const [rows, columns] = wanted.shape as [number, number];
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) expect(actual.get(i, j)).toBeCloseTo(wanted.get(i, j) as number, 9);
  }
}

function identity(size: number): HostArray {
  return hostArray(
    Float64Array.from({ length: size * size }, (_, k) => (k % (size + 1) === 0 ? 1 : 0)),
    [size, size],
  );
}

function rebuilt({ u, s, v }: Svd): HostArray {
  const scaled = hostArray(
    Float64Array.from(u.data as Float64Array, (value, k) => value * s[k % s.length]!),
    u.shape,
  );
  return product(scaled, v.transpose(1, 0));
}

function expectOrthonormal(q: HostArray): void {
  expectClose(product(q.transpose(1, 0), q), identity(q.shape[1]!));
}

const entry = fc.oneof(fc.constant(0), fc.double({ min: -4, max: 4, noNaN: true }).map(Math.fround));
const sized = (rows: number, columns: number) =>
  fc
    .array(entry, { minLength: rows * columns, maxLength: rows * columns })
    .map((values) => hostArray(Float32Array.from(values), [rows, columns]));
const dimension = fc.integer({ min: 1, max: 6 });
const anyMatrix = fc.tuple(dimension, dimension).chain(([rows, columns]) => sized(rows, columns));

describe('decompositions', () => {
  it('gives known singular values, largest first, for tall, wide and strided arrays', () => {
    const tall = matrix([
      [3, 0],
      [0, -5],
      [0, 0],
    ]);
    expect([...singularValues(tall)]).toEqual([5, 3]);
    expect([...singularValues(tall.transpose(1, 0))]).toEqual([5, 3]);
    const golden = singularValues(
      matrix([
        [1, 1],
        [1, 0],
      ]),
    );
    expect(golden[0]).toBeCloseTo((1 + Math.sqrt(5)) / 2, 12);
    const view = ndarray<HostData>(Float32Array.of(9, 2, 9, 9, 9, 4), [1, 2], [6, 4], 1);
    expect(singularValues(view)[0]).toBeCloseTo(Math.hypot(2, 4), 6);
  });

  it('svd rebuilds any matrix from orthonormal columns', () => {
    fc.assert(
      fc.property(anyMatrix, (a) => {
        const result = svd(a);
        const k = Math.min(a.shape[0]!, a.shape[1]!);
        expect([result.u.shape, result.s.length, result.v.shape]).toEqual([
          [a.shape[0], k],
          k,
          [a.shape[1], k],
        ]);
        expect([...result.s]).toEqual([...result.s].sort((x, y) => y - x));
        expectClose(rebuilt(result), a);
        expectClose(hostArray(singularValues(a), [1, k]), hostArray(result.s, [1, k]));
      }),
      { numRuns: 60 },
    );
  });

  it('thinQr rebuilds any matrix from orthonormal columns and an upper triangle', () => {
    fc.assert(
      fc.property(anyMatrix, (a) => {
        const { q, r } = thinQr(a);
        expectOrthonormal(q);
        expectClose(product(q, r), a);
        for (let i = 1; i < r.shape[0]!; i++) for (let j = 0; j < i; j++) expect(r.get(i, j)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });
});

describe('low-rank products', () => {
  it('have the singular values and vectors of the product they never form', () => {
    const factors = fc
      .tuple(dimension, dimension, dimension)
      .chain(([m, r, n]) => fc.tuple(sized(m, r), sized(r, n)));
    fc.assert(
      fc.property(factors, ([b, a]) => {
        const whole = product(b, a);
        const k = Math.min(b.shape[0]!, b.shape[1]!, a.shape[1]!);
        const wanted = hostArray(singularValues(whole).slice(0, k), [1, k]);
        expectClose(hostArray(lowRankSingularValues(b, a), [1, k]), wanted);
        const result = lowRankSvd(b, a);
        expectClose(hostArray(result.s, [1, k]), wanted);
        expect([result.u.shape, result.v.shape]).toEqual([
          [b.shape[0], k],
          [a.shape[1], k],
        ]);
        expectClose(rebuilt(result), whole);
      }),
      { numRuns: 60 },
    );
  });

  it('of a fresh adapter (B = 0) are zero', () => {
    const a = matrix([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect([
      ...lowRankSingularValues(
        matrix([
          [0, 0],
          [0, 0],
          [0, 0],
        ]),
        a,
      ),
    ]).toEqual([0, 0]);
  });
});

describe('refusals', () => {
  it('name the operation and what is wrong', () => {
    expect(() => svd(hostArray(new Float32Array(8), [2, 2, 2]))).toThrow(ShapeError);
    expect(() => svd(hostArray(new Float32Array(0), [0, 3]))).toThrow(
      /svd: needs a non-empty matrix.*\[0, 3\]/,
    );
    expect(() => thinQr(hostArray(BigInt64Array.of(1n), [1, 1]))).toThrow(/int64/);
    expect(() =>
      singularValues(
        matrix([
          [1, 2],
          [3, Number.NaN],
        ]),
      ),
    ).toThrow(NonFiniteError);
    expect(() => singularValues(matrix([[1, Number.NaN]]))).toThrow(/\[0, 1\] is NaN/);
    expect(() => lowRankSvd(identity(2), identity(3))).toThrow(
      /inner dimensions differ: \[2, 2\] and \[3, 3\]/,
    );
  });
});

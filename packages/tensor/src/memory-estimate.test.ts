import { describe, expect, it } from 'vitest';
import { tensorType } from './compile.ts';
import { eagerGradient } from './eager-gradient.ts';
import { CompileError } from './errors.ts';
import { gradients } from './grad.ts';
import { estimateMemory } from './memory-estimate.ts';
import { crossEntropy } from './operations/cross-entropy.ts';
import { add, exp, multiply, sin } from './operations/elementwise.ts';
import { gather } from './operations/indexing.ts';
import { input, type WeightRegion, weight } from './operations/leaf.ts';
import { matmul } from './operations/linalg.ts';
import { sum } from './operations/reduce.ts';
import { reshape } from './operations/shape.ts';
import type { Tensor } from './tensor.ts';

const x = input('x', tensorType('float32', ['n', 10]));
const bytes = 4 * 7 * 10;
const peak = (...outputs: Tensor[]) => estimateMemory(outputs, { n: 7 }).peak;

function region(name: string, rows: number, columns: number): WeightRegion {
  return {
    name,
    dtype: 'float32',
    shape: [rows, columns],
    file: '/weights',
    offset: name.charCodeAt(0),
    byteLength: 4 * rows * columns,
  };
}

describe('peak', () => {
  it('of a chain is one value and the next; inputs do not count', () => {
    expect(peak(exp(x))).toBe(bytes);
    expect(peak(exp(exp(x)))).toBe(2 * bytes);
    expect(peak(exp(exp(exp(exp(x)))))).toBe(2 * bytes);
  });

  it('holds outputs to the end', () => {
    const first = exp(x);
    expect(peak(first, exp(exp(exp(first))))).toBe(3 * bytes);
    expect(peak(exp(exp(exp(first))))).toBe(2 * bytes);
    expect(estimateMemory([first, sum(sin(first))], { n: 7 })).toMatchObject({
      peak: 2 * bytes + 4,
      outputs: bytes + 4,
    });
  });

  it('counts what is passed on unchanged once', () => {
    expect(peak(exp(reshape(exp(x), ['n', 5, 2])))).toBe(2 * bytes);
  });

  it('holds a value until its last use', () => {
    const kept = exp(x);
    const long = sin(sin(sin(kept)));
    expect(peak(add(kept, long))).toBe(3 * bytes);
    expect(peak(add(kept, kept))).toBe(2 * bytes);
  });

  it('of a backward pass grows with depth', () => {
    const deep = (depth: number) => {
      let state = x;
      for (let layer = 0; layer < depth; layer++) state = sin(state);
      return peak(gradients(sum(state), [x])[0]!);
    };
    expect(deep(8) - deep(4)).toBe(4 * bytes);
  });
});

it('of an output layer in pieces does not grow with their number', () => {
  const peakOfPieces = (count: number) => {
    const table = weight(region('v', 1000, 10));
    const values: Tensor[] = [];
    for (let piece = 0; piece < count; piece++) {
      const labels = input(`labels${piece}`, tensorType('int64', ['n']));
      const loss = (rows: Tensor) => ({
        value: sum(crossEntropy(matmul(rows, table, { transposeB: true }), labels)),
        observed: [],
      });
      values.push(eagerGradient(loss, x, values.slice(-1)).value);
    }
    return peak(gradients(values.reduce(add), [x])[0]!);
  };
  const logits = 4 * 7 * 1000;
  expect(peakOfPieces(1)).toBeGreaterThan(2 * logits);
  expect(peakOfPieces(8) - peakOfPieces(1)).toBeLessThan(logits);
});

describe('weights', () => {
  const [w, table] = [region('w', 10, 10), region('t', 100, 10)];

  it('count once, tables of which rows are read apart', () => {
    const rows = gather(weight(table), input('i', tensorType('int64', ['n'])));
    const found = estimateMemory([add(matmul(rows, weight(w)), matmul(x, weight(w)))], { n: 7 });
    expect(found).toMatchObject({ weights: 400, products: 400, tables: 4000 });
  });

  it('count a table that is multiplied by too as a weight alone', () => {
    const rows = gather(weight(table), input('i', tensorType('int64', ['n'])));
    const found = estimateMemory([matmul(rows, weight(table), { transposeB: true })], { n: 7 });
    expect(found).toMatchObject({ weights: 4000, tables: 0 });
  });

  it('are rearranged for each way of multiplying', () => {
    const product = matmul(x, weight(w), { transposeB: true });
    const [dx] = gradients(sum(multiply(product, product)), [x]);
    expect(estimateMemory([dx!], { n: 7 })).toMatchObject({ weights: 400, products: 800 });
  });
});

it('refuses an extent that it was not told', () => {
  expect(() => estimateMemory([exp(exp(x))], {})).toThrow(CompileError);
});

import { describe, expect, it } from 'vitest';
import { evaluateOne } from '../__fixtures__/evaluate.ts';
import { gradientError, relativeError } from '../__fixtures__/finite-differences.ts';
import { arrayOf, indicesOf, numbersOf, randomArray, randomIndices } from '../__fixtures__/random-array.ts';
import { compile, tensorType } from '../compile.ts';
import { gradients } from '../grad.ts';
import type { Tensor } from '../tensor.ts';
import { crossEntropy } from './cross-entropy.ts';
import { square } from './elementwise.ts';
import { input } from './leaf.ts';
import { sum } from './reduce.ts';

type Inputs = Readonly<Record<string, Tensor>>;

describe('crossEntropy', () => {
  it('is the negative log-probability of the label, row by row, at any number of rows', async () => {
    const executable = await compile(
      ({ logits, labels }) => {
        const loss = crossEntropy(logits, labels);
        return { loss, dLogits: gradients(sum(loss), [logits])[0]! };
      },
      { logits: tensorType('float32', ['rows', 3]), labels: tensorType('int64', ['rows']) },
    );
    const inputs = { logits: arrayOf([2, 3], 0, 0, 0, 1, 2, 3), labels: indicesOf([2], 1, 2) };
    const { loss, dLogits } = await executable.run(inputs);
    expect(numbersOf(loss)[0]).toBeCloseTo(Math.log(3), 6);
    expect(numbersOf(loss)[1]).toBeCloseTo(0.40760596, 6);
    const expected = [1 / 3, -2 / 3, 1 / 3, 0.09003057, 0.24472847, 0.66524096 - 1];
    expect(relativeError(numbersOf(dLogits), expected)).toBeLessThan(1e-6);
    expect((await executable.run({ logits: arrayOf([0, 3]), labels: indicesOf([0]) })).loss.shape).toEqual([
      0,
    ]);
    await executable.release();
    const random = { logits: randomArray([4, 5], 1, -2, 2), labels: randomIndices([4], 2, 5) };
    expect(await gradientError(({ logits, labels }) => crossEntropy(logits!, labels!), random)).toBeLessThan(
      1e-3,
    );
  });

  it.each([
    ['is right where the label is next to impossible', [0, 200, -100], 1e-6],
    ['is NaN where a logit is', [0, Number.NaN, 1], 0],
    ['is NaN where a logit is infinite', [0, Number.POSITIVE_INFINITY, 1], 0],
  ])('%s', async (_name, row, bound) => {
    const inputs = { logits: arrayOf([1, 3], ...row), labels: indicesOf([1], 0) };
    const loss = numbersOf(
      await evaluateOne(({ logits, labels }) => crossEntropy(logits!, labels!), inputs),
    )[0]!;
    if (bound === 0) expect(loss).toBeNaN();
    else expect(Math.abs(loss - 200)).toBeLessThan(bound);
  });

  it('has a gradient of its gradient', async () => {
    const random = { logits: randomArray([3, 4], 5, -2, 2), labels: randomIndices([3], 6, 4) };
    const slope = ({ logits, labels }: Inputs) =>
      gradients(sum(square(crossEntropy(logits!, labels!))), [logits!])[0]!;
    expect(await gradientError((traced) => square(slope(traced)), random)).toBeLessThan(1e-3);
  });

  it('names what does not fit', () => {
    const logits = input('logits', tensorType('float32', ['rows', 3]));
    expect(() => crossEntropy(logits, input('labels', tensorType('int64', ['others'])))).toThrow(
      'crossEntropy: logits [rows, 3] must be [rows, vocabulary], labels [others] [rows]',
    );
  });
});

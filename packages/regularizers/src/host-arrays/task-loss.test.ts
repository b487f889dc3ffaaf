import { mean, multiply, square, stopGradient, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  compileTaskLoss,
  constrainedSft,
  kl,
  PenaltyInputError,
  type Regularizer,
  RegularizerOptionError,
} from '../index.ts';

const changing = (
  taskLossPerRow: NonNullable<Regularizer['taskLossPerRow']>,
  needs: Regularizer['needs'] = {},
): Regularizer => ({ name: 'mine', config: { type: 'mine' }, needs, taskLossPerRow });
const byPlace = changing((loss, { positionInResponse }) => multiply(loss, positionInResponse));

const logits = { data: [0, 0, Math.log(3), 0], shape: [2, 2] };
const labels = { data: [0, 1], shape: [2] };
const rows = { logits, labels, positionInResponse: { data: [1, 2], shape: [2] } };

describe('compileTaskLoss', () => {
  it('says what it uses, and gives rows, means and gradients', async () => {
    const task = await compileTaskLoss(byPlace);
    expect([...task.uses].sort()).toEqual(['labels', 'logits', 'lossWeight', 'positionInResponse']);
    const found = await task.run({ ...rows, lossWeight: { data: [1, 0.5], shape: [2] } });
    const [first, second] = [Math.log(2), Math.log(4)];
    expect([...(found.perRow.data as Float32Array)]).toEqual([
      expect.closeTo(first, 5),
      expect.closeTo(2 * second, 5),
    ]);
    expect(found.value).toBeCloseTo((first + second) / 1.5, 5);
    expect(found.crossEntropy).toBeCloseTo((first + 0.5 * second) / 1.5, 5);
    const expected = [-0.5, 0.5, 0.75, -0.75].map((value) => expect.closeTo(value / 1.5, 5));
    expect([...(found.gradients.logits!.data as Float32Array)]).toEqual(expected);
    // Of no target the mean is 0.
    expect((await task.run({ ...rows, lossWeight: { data: [0, 0], shape: [2] } })).value).toBe(0);
    await task.release();
  });

  it('reaches the states of layers', async () => {
    const ofStates = changing(
      (loss, { hiddenStates }) => multiply(loss, mean(square(hiddenStates.get(1)!))),
      {
        hiddenStates: [1],
      },
    );
    const task = await compileTaskLoss(ofStates);
    expect(task.layers).toEqual([1]);
    const { value, crossEntropy, gradients } = await task.run({
      ...rows,
      lossWeight: { data: [1, 1], shape: [2] },
      hiddenStates: new Map([[1, { data: [2, 2], shape: [1, 1, 2] }]]),
    });
    expect(value).toBeCloseTo(4 * crossEntropy, 5);
    const slope = gradients.hiddenStates.get(1)!.data as Float32Array;
    for (const each of slope) expect(each).toBeCloseTo(2 * crossEntropy, 5);
    await task.release();
  });

  it('refuses what has no such loss, one that trains nothing, and arrays that are missing', async () => {
    await expect(compileTaskLoss(kl())).rejects.toThrow(
      'kl: has no taskLossPerRow: it leaves the loss of the task as it is',
    );
    const constant = changing((_loss, { responseMask }) => responseMask);
    await expect(compileTaskLoss(constant)).rejects.toThrow(
      'mine: its loss of the task does not depend on the logits',
    );
    await expect(compileTaskLoss(changing((loss) => sum(stopGradient(loss))))).rejects.toThrow(
      RegularizerOptionError,
    );
    const task = await compileTaskLoss(constrainedSft());
    const failure = await task.run({ ...rows, lossWeight: labels }).catch((error: unknown) => error);
    expect(PenaltyInputError.isInstance(failure) && failure.input).toBe('referenceLogits');
    await task.release();
  });
});

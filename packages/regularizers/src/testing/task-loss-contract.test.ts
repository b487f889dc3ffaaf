import {
  add,
  crossEntropy,
  divide,
  exp,
  log,
  mean,
  minimum,
  multiply,
  negate,
  softplus,
  stopGradient,
  subtract,
  sum,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import type { Regularizer } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';

type Change = NonNullable<Regularizer['taskLossPerRow']>;
const eachFails = (taskLossPerRow: Change, needs: Regularizer['needs'] = {}) =>
  failures(() => custom({ taskLossPerRow, ...(Object.keys(needs).length > 0 && { needs }) }));

describe('a change of the loss of the task', () => {
  it('by position, or by the reference, passes every check', async () => {
    const early: Change = (loss, { positionInResponse }) => multiply(loss, minimum(positionInResponse, 2));
    expect(await eachFails(early)).toEqual([]);
    const beside: Change = (loss, { referenceLogits, labels }) =>
      softplus(subtract(loss, crossEntropy(referenceLogits!, labels)));
    expect(await eachFails(beside, { referenceLogits: true })).toEqual([]);
  });

  it.each<[string, string, string, Change]>([
    ['leaves it as it is', 'changes the loss of the task', 'it would change nothing', (loss) => loss],
    [
      'weighs by what it detaches',
      'its gradient equals finite differences and is not zero',
      'finite differences',
      (loss) => multiply(loss, stopGradient(exp(negate(loss)))),
    ],
    [
      'looks at the other rows',
      'gives each row the same, whatever other rows there are',
      'when the first 2 are left out: trainers give it some rows at a time',
      (loss, { responseMask, positionInResponse }) =>
        multiply(loss, add(positionInResponse, sum(responseMask))),
    ],
    [
      'overflows',
      'stays finite under fp16-sized extremes',
      'fails for logits and states of +-65504',
      (loss) => exp(loss),
    ],
  ])('that %s fails the fitting check', async (_name, check, message, taskLossPerRow) => {
    const found = await eachFails(taskLossPerRow);
    expect(checksOf(found)).toEqual([`taskLossPerRow: ${check}`]);
    expect(found[0]!.message).toContain(message);
  });

  it('that is detached trains nothing, which every check says', async () => {
    const found = await eachFails((loss) => multiply(stopGradient(loss), 2));
    expect(checksOf(found)).toContain(
      'taskLossPerRow: its gradient equals finite differences and is not zero',
    );
    for (const { message } of found) expect(message).toContain('it would train with no gradient');
  });

  it('that averages the rows of a batch is not blind to masked ones either', async () => {
    const found = await eachFails((loss) => divide(loss, mean(loss)));
    expect(checksOf(found)).toEqual([
      'taskLossPerRow: gives each row the same, whatever other rows there are',
      'taskLossPerRow: is blind to masked tokens',
    ]);
  });

  it('that is not finite where nothing is in scope fails the fitting check', async () => {
    const found = await eachFails((loss, { positionInResponse }) => multiply(loss, log(positionInResponse)));
    expect(checksOf(found)).toContain('taskLossPerRow: stays finite when nothing is in scope');
  });

  it.each<[string, Change, string]>([
    ['nothing', (() => {}) as never, 'what its taskLossPerRow gives is undefined (is there a return?)'],
    [
      'a scalar',
      (loss) => mean(loss),
      'must be Tensor(float32[rows] from crossEntropy): one loss for each row',
    ],
    [
      'a column',
      (loss, { logits }) => multiply(sum(logits, { axes: -1, keepDims: true }), 1 + 0 * loss.rank),
      'its taskLossPerRow gives Tensor(float32[rows, 1]',
    ],
  ])('that gives %s is told so in one sentence', async (_name, taskLossPerRow, message) => {
    const found = await eachFails(taskLossPerRow);
    expect(found[0]!.message).toContain(message);
    expect(found.map((failure) => failure.message).join('\n')).not.toMatch(/Cannot read|is not a function/);
  });

  it('uses what it declares, and declares what it uses', async () => {
    const needs = { referenceLogits: true };
    const idle = await eachFails((loss, { positionInResponse }) => multiply(loss, positionInResponse), needs);
    expect(idle[0]!.message).toContain('declares referenceLogits but does not use it');
    const all = await eachFails((loss) => multiply(loss, 2), { rows: 'all' });
    expect(all[0]!.message).toContain("declares rows: 'all', but the task trains response rows alone");
  });
});

import type { LoraAdapter } from '@safetune/lora';
import { describe, expect, it } from 'vitest';
import type { Regularizer } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';
import { sampleAdapter } from './__fixtures__/sample-adapter.ts';

describe('examples of its own', () => {
  const anchors = [{ messages: [{ role: 'assistant', content: 'safe' }] }];
  const eachFails = (given: Regularizer['anchors']) => failures(() => custom({ anchors: given! }));

  it('that are learned from pass every check', async () => {
    expect(await eachFails({ load: () => anchors, crossEntropyWeight: 1 })).toEqual([]);
  });

  let reads = 0;
  it.each<[string, string, string, NonNullable<Regularizer['anchors']>]>([
    ['have no part', 'anchors: have a part in training', 'have no part', { load: () => anchors }],
    [
      'are none',
      'anchors: are examples with one answer, the same each time they are read',
      'there are no anchors',
      { load: () => [], crossEntropyWeight: 1 },
    ],
    [
      'are pairs',
      'anchors: are examples with one answer, the same each time they are read',
      'anchor 1 has two answers',
      { load: () => [{ ...anchors[0]!, rejected: anchors[0]!.messages }], crossEntropyWeight: 1 },
    ],
    [
      'differ each time',
      'anchors: are examples with one answer, the same each time they are read',
      'differ between two',
      {
        load: () => [{ messages: [{ role: 'assistant', content: `${reads++}` }] }],
        crossEntropyWeight: 1,
      },
    ],
  ])('that %s fail the fitting check', async (_name, check, message, given) => {
    const found = await eachFails(given);
    expect(checksOf(found)).toEqual([check]);
    expect(found[0]!.message).toContain(message);
  });
});

describe('a change of the gradient', () => {
  type Change = NonNullable<Regularizer['gradient']>;
  const eachFails = (gradient: Change) => failures(() => custom({ gradient }));

  it('that adds passes every check', async () => {
    const found = await eachFails(async (gradient, { anchorGradient }) => {
      const other = await anchorGradient();
      return gradient.map((value, index) => value + other[index]!);
    });
    expect(found).toEqual([]);
  });

  let calls = 0;
  it.each<[string, string, string, Change]>([
    [
      'changes nothing',
      'gradient: changes some gradient, and gives one of its size',
      'gives every gradient back',
      (gradient) => gradient,
    ],
    [
      'differs each time',
      'gradient: is deterministic',
      'different gradients of the same one',
      (gradient) => gradient.fill(++calls),
    ],
    [
      'moves the trained values',
      'gradient: leaves the trained values as they are',
      'changes the trained values',
      (gradient, { parameters }) => {
        parameters[0]! += 1;
        return gradient.fill(1);
      },
    ],
    [
      'divides by a length of 0',
      'gradient: stays finite where a gradient is zero',
      "where the task's gradient is zero",
      (gradient) => {
        const length = Math.hypot(...gradient);
        return gradient.map((value) => value / length);
      },
    ],
  ])('that %s fails the fitting check', async (_name, check, message, gradient) => {
    const found = await eachFails(gradient);
    expect(checksOf(found)).toEqual([check]);
    expect(found[0]!.message).toContain(message);
  });

  it('that forgets its return is told so', async () => {
    const found = await eachFails((() => undefined) as unknown as Change);
    expect(found[0]!.message).toContain('its gradient gives undefined (is there a return?)');
  });
});

describe('a state', () => {
  type Fields = Pick<Regularizer, 'beforeTraining' | 'saveState' | 'restoreState'>;
  /** Adds the number of its step to every value, counting by itself. */
  const counting = (fields: (count: { value: number }) => Fields) =>
    failures(
      () => {
        const count = { value: 0 };
        return custom({
          ...fields(count),
          afterStep({ parameters }: LoraAdapter) {
            count.value += 1;
            for (let index = 0; index < parameters.length; index++) parameters[index]! += count.value;
          },
        });
      },
      { adapter: sampleAdapter },
    );
  const whole = (count: { value: number }): Required<Fields> => ({
    beforeTraining: () => {
      count.value = 0;
    },
    saveState: () => ({ facts: count.value }),
    restoreState: ({ facts }) => {
      count.value = facts as number;
    },
  });

  it('that is saved whole passes every check', async () => {
    expect(await counting(whole)).toEqual([]);
  });

  it.each<[string, string, string, (count: { value: number }) => Fields]>([
    [
      'is not taken up',
      'state: a resumed run ends as one that was not',
      'ends with other values',
      (count) => ({ ...whole(count), restoreState: () => undefined }),
    ],
    [
      'is left from the last run',
      'state: beforeTraining sets everything to the start',
      'acts otherwise in a second run',
      (count) => ({ ...whole(count), beforeTraining: () => undefined }),
    ],
  ])('that %s fails the fitting check', async (_name, check, message, fields) => {
    const found = await counting(fields);
    expect(checksOf(found)).toEqual([check]);
    expect(found[0]!.message).toContain(message);
  });
});

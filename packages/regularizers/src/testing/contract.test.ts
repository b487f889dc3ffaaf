import {
  add,
  divide,
  exp,
  log,
  mean,
  multiply,
  negate,
  reshape,
  sqrt,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { type ForwardOutputs, kl, klDivergence, ldifs, maskedMean, type RegularizerNeeds } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';
import { describeRegularizerContract, regularizerContract } from './index.ts';

const states = { hiddenStates: [2], referenceHiddenStates: [2] } satisfies RegularizerNeeds;
const logits = { referenceLogits: true } satisfies RegularizerNeeds;

/** Squared distance of the states after block 2 at real tokens. */
function distance(outputs: ForwardOutputs, trained: (state: Tensor) => Tensor = (state) => state): Tensor {
  const { hiddenStates, referenceHiddenStates, tokenMask } = outputs;
  const apart = square(subtract(trained(hiddenStates.get(2)!), referenceHiddenStates.get(2)!));
  return maskedMean(sum(apart, { axes: -1 }), tokenMask);
}

const divergence = ({ logits, referenceLogits, responseMask }: ForwardOutputs) =>
  maskedMean(klDivergence(logits, referenceLogits!), responseMask);

describe('a sound regularizer of a stranger', () => {
  it('passes every check', async () => {
    expect(
      await failures((weight) => custom({ needs: states, penalty: (outputs) => distance(outputs) }, weight)),
    ).toEqual([]);
    expect(await failures((weight) => custom({ needs: logits, penalty: divergence }, weight))).toEqual([]);
  });
});

describe('a broken penalty fails the fitting check', () => {
  const gradient = 'penalty: its gradient equals finite differences and is not zero';

  it('detached features', async () => {
    const found = await failures((weight) =>
      custom({ needs: states, penalty: (outputs) => distance(outputs, stopGradient) }, weight),
    );
    expect(checksOf(found)).toContain(gradient);
    expect(found.find(({ check }) => check === gradient)!.message).toContain(
      'it would train with no gradient',
    );
  });

  it('features detached in value only, as in the widely copied LDIFS', async () => {
    const found = await failures((weight) =>
      custom(
        {
          needs: states,
          penalty: (outputs) => {
            const loss = multiply(sum(outputs.hiddenStates.get(2)!), 0);
            return add(distance(outputs, stopGradient), loss);
          },
        },
        weight,
      ),
    );
    expect(checksOf(found)).toEqual([gradient]);
    expect(found[0]!.message).toContain('no gradient reaches hiddenStates.2, but the value changes with it');
  });

  it('a gradient that leaves out the normalisation', async () => {
    const unit = (state: Tensor) => divide(state, stopGradient(sqrt(add(sum(square(state)), 1e-6))));
    const found = await failures((weight) =>
      custom(
        {
          needs: { hiddenStates: [2] },
          penalty: ({ hiddenStates, tokenMask }) =>
            maskedMean(
              sum(square(unit(multiply(hiddenStates.get(2)!, reshape(tokenMask, ['batch', 'seq', 1])))), {
                axes: -1,
              }),
              tokenMask,
            ),
        },
        weight,
      ),
    );
    expect(checksOf(found)).toEqual([gradient]);
    expect(found[0]!.message).toContain('finite differences');
  });

  it.each<[string, string, RegularizerNeeds, (outputs: ForwardOutputs) => Tensor, string]>([
    [
      'unmasked padding',
      'penalty: is blind to padding',
      states,
      ({ hiddenStates, referenceHiddenStates }) =>
        mean(square(subtract(hiddenStates.get(2)!, referenceHiddenStates.get(2)!))),
      'with other values at padding',
    ],
    [
      'masked tokens counted',
      'penalty: is blind to masked tokens',
      logits,
      ({ logits, referenceLogits }) => mean(klDivergence(logits, referenceLogits!)),
      'with other logits at tokens outside the response',
    ],
    [
      'not zero at the reference',
      'penalty: is zero at the reference',
      states,
      (outputs) => add(distance(outputs), 0.5),
      'is 0.5 where the model equals its reference',
    ],
    [
      'a distance below zero',
      'penalty: is never negative',
      states,
      (outputs) => negate(distance(outputs)),
      'at a distance of 3',
    ],
    [
      'chance',
      'penalty: is deterministic',
      logits,
      (outputs) => multiply(divergence(outputs), 1 + Math.random()),
      'another time',
    ],
    [
      'an overflow',
      'penalty: stays finite under fp16-sized extremes',
      logits,
      ({ logits, referenceLogits, responseMask }) => {
        const softmax = (x: Tensor) => divide(exp(x), sum(exp(x), { axes: -1, keepDims: true }));
        const [p, q] = [softmax(logits), softmax(referenceLogits!)];
        return maskedMean(sum(multiply(p, subtract(log(p), log(q))), { axes: -1 }), responseMask);
      },
      'fails for logits and states of +-65504',
    ],
    [
      'a mean over nothing',
      'penalty: stays finite when nothing is in scope',
      logits,
      ({ logits, referenceLogits, responseMask }) =>
        divide(sum(multiply(klDivergence(logits, referenceLogits!), responseMask)), sum(responseMask)),
      'fails for no response token and no tag',
    ],
    [
      'an undeclared need',
      'uses what its needs declare, and nothing else',
      { hiddenStates: [2], referenceHiddenStates: [2] },
      (outputs) =>
        outputs.referenceLogits === undefined
          ? distance(outputs)
          : add(distance(outputs), divergence(outputs)),
      'uses referenceLogits, which its needs do not declare',
    ],
    [
      'an undeclared tag',
      'uses what its needs declare, and nothing else',
      logits,
      (outputs) => multiply(divergence(outputs), sum(outputs.tagged('safe'))),
      "uses the tag 'safe'",
    ],
    [
      'a need declared in vain',
      'uses what its needs declare, and nothing else',
      { ...states, referenceLogits: true },
      (outputs) => distance(outputs),
      'declares referenceLogits but does not use it',
    ],
    [
      'a layer declared in vain',
      'uses what its needs declare, and nothing else',
      { hiddenStates: [2, 3], referenceHiddenStates: [2] },
      (outputs) => distance(outputs),
      'declares hiddenStates.3 but does not use it',
    ],
    [
      'a reference named in vain',
      'uses what its needs declare, and nothing else',
      { hiddenStates: [2], reference: { adapter: 'safe' } },
      ({ hiddenStates, tokenMask }) => maskedMean(sum(square(hiddenStates.get(2)!), { axes: -1 }), tokenMask),
      'names a reference but declares neither its logits nor its hidden states',
    ],
    [
      'all rows declared in vain',
      'uses what its needs declare, and nothing else',
      { ...logits, rows: 'all' },
      divergence,
      "declares rows: 'all' but only response rows matter to it",
    ],
  ])('%s', async (name, check, needs, penalty, message) => {
    const found = await failures((weight) => custom({ needs, penalty }, weight));
    const failure = found.find((each) => each.check === check);
    expect(failure, `${checksOf(found).join('; ') || 'nothing'} failed`).toBeDefined();
    expect(failure!.message).toContain(message);
    // These break other promises on the way; everything else breaks this one alone.
    if (!['an overflow', 'chance', 'an undeclared tag'].includes(name))
      expect(checksOf(found)).toEqual([check]);
  });

  it('a weight that the penalty applies a second time', async () => {
    const found = await failures((weight = 1) =>
      custom({ needs: logits, penalty: (outputs) => multiply(divergence(outputs), weight) }, weight),
    );
    expect(checksOf(found)).toEqual(['penalty: is linear in its weight']);
  });

  it('a weight that is not taken from the config', async () => {
    const found = await failures(() => custom({ needs: logits, penalty: divergence }));
    expect(checksOf(found)).toEqual(['penalty: is linear in its weight']);
    expect(found[0]!.message).toContain('was given the weight 0 in its config, but its weight is 1');
  });
});

describe('a penalty by rows', () => {
  const rows = ({ logits, referenceLogits, responseMask }: ForwardOutputs) => ({
    values: klDivergence(logits, referenceLogits!),
    mask: responseMask,
  });

  it('alone, without penalty, passes every check', async () => {
    expect(await failures((weight) => custom({ needs: logits, penaltyPerRow: rows }, weight))).toEqual([]);
  });

  it('that is not what penalty averages fails the fitting check', async () => {
    const penaltyPerRow = (outputs: ForwardOutputs) => ({
      ...rows(outputs),
      values: multiply(rows(outputs).values, 2),
    });
    const found = await failures((weight) =>
      custom({ needs: logits, penalty: divergence, penaltyPerRow }, weight),
    );
    expect(checksOf(found)).toEqual([
      'penaltyPerRow: has penalty as the mean of its values where its mask is 1',
    ]);
  });

  it('that depends on other rows, or counts rows by their logits, fails the fitting check', async () => {
    const penaltyPerRow = (outputs: ForwardOutputs) => {
      const { values, mask } = rows(outputs);
      const least = subtract(outputs.logits, outputs.logits);
      return { values: add(values, sum(multiply(values, mask))), mask: add(mask, sum(least, { axes: -1 })) };
    };
    const found = await failures((weight) => custom({ needs: logits, penaltyPerRow }, weight));
    expect(checksOf(found)).toEqual([
      'penaltyPerRow: gives each row the same, whatever other rows there are',
      'penaltyPerRow: has a mask that does not depend on the logits',
    ]);
  });
});

describe('a broken description fails the fitting check', () => {
  it('a config that lacks an option', async () => {
    const found = await failures(() => kl({ temperature: 3 }), {
      fromConfig: ({ weight }) => kl({ weight: weight as number }),
    });
    expect(checksOf(found)).toEqual(['comes back the same from its config']);
    expect(found[0]!.message).toContain('"temperature":3');
  });

  it('a config that is not plain JSON', async () => {
    const found = await failures((weight) => ({
      ...ldifs({ weight: weight ?? 1 }),
      config: { type: 'ldifs', weight: weight ?? 1, made: new Date(0) },
    }));
    expect(checksOf(found)).toEqual(['comes back the same from its config']);
  });

  it('a misspelt hook, and none at all', async () => {
    const misspelt = { ...custom({ needs: logits, penalty: divergence }), afterSteps: () => {} };
    expect((await failures(() => misspelt))[0]!.message).toContain("has a member 'afterSteps'");
    expect((await failures(() => custom({})))[0]!.message).toContain('has none of the hooks');
  });

  it('needs without a penalty', async () => {
    const found = await failures(() => custom({ needs: logits, hidden: (state) => add(state, 1) }));
    expect(checksOf(found)).toEqual(['uses what its needs declare, and nothing else']);
  });

  it('a regularizer that cannot be made', async () => {
    const make = () => {
      throw new Error('no such file');
    };
    await expect(regularizerContract(make)).rejects.toThrow('no such file');
    await expect(regularizerContract(() => kl(), { steps: 0 })).rejects.toThrow('steps is 0');
  });
});

describeRegularizerContract('a regularizer made by a promise', async () => kl(), { describe, it });

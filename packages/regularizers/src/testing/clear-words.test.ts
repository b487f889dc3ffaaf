/** What a stranger gets wrong at first is said in one sentence, not by the error of what it breaks. */
import { createLoraAdapter, type LoraAdapter } from '@safetune/lora';
import { exp, logSoftmax, multiply, negate, subtract, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { type ForwardOutputs, klDivergence, maskedMean, type Regularizer } from '../index.ts';
import { checksOf, custom, failures } from './__fixtures__/failures.ts';
import { regularizerContract } from './index.ts';

const needs = { referenceLogits: true };
const penalty = ({ logits, referenceLogits, responseMask }: ForwardOutputs) =>
  maskedMean(klDivergence(logits, referenceLogits!), responseMask);
const adapter = (): LoraAdapter => {
  const layers = [{ name: 'model.up_proj', inFeatures: 4, outFeatures: 6 }];
  return createLoraAdapter(layers, { r: 2, target_modules: ['up_proj'] });
};

describe('what a hook does wrong', () => {
  it.each<[string, object, string]>([
    [
      'penalty',
      { needs, penalty: () => {} },
      'its penalty is undefined (is there a return?), must be a traced tensor',
    ],
    [
      'penalty',
      { needs, penalty: async (outputs: ForwardOutputs) => penalty(outputs) },
      'its penalty is a promise',
    ],
    ['penalty', { needs, penalty: () => 3 }, 'its penalty is 3, must be a traced tensor'],
    [
      'penaltyPerRow',
      { needs, penaltyPerRow: () => {} },
      'its penaltyPerRow is undefined (is there a return?), must be { values, mask }',
    ],
    [
      'penaltyPerRow',
      { needs, penaltyPerRow: ({ responseMask: mask }: ForwardOutputs) => ({ values: undefined, mask }) },
      'values of its penaltyPerRow is undefined',
    ],
    [
      'hidden',
      { hidden: () => {} },
      'what hidden gives for layer 0 is undefined (is there a return?), must be a traced tensor',
    ],
    ['examples', { examples: () => {} }, 'gives undefined (is there a return?), must give an async iterable'],
    [
      'examples',
      { examples: (source: unknown) => [source] },
      'must give an async iterable: write it as async *examples(source)',
    ],
    [
      'contents',
      { penalty, needs, contents: async () => {} },
      'are undefined (is there a return?), must be digests by name',
    ],
    [
      'afterStep',
      {
        afterStep(given: { parameters: Float32Array }) {
          given.parameters = given.parameters.map((value) => value / 2);
        },
      },
      'afterStep assigns adapter.parameters, which training does not see: write into the arrays that are there',
    ],
    [
      'afterTraining',
      {
        afterTraining(given: { modules: unknown[] }) {
          given.modules = [];
        },
      },
      'afterTraining assigns adapter.modules',
    ],
    ['afterStep', { afterStep: 3 }, 'its afterStep is 3, must be a function'],
    [
      'beforeTraining',
      { penalty, needs, beforeTraining: 'no' },
      'its beforeTraining is no, must be a function',
    ],
    [
      'afterstep',
      { penalty, needs, afterstep: () => {} },
      "has a member 'afterstep', which is not of a Regularizer: did you mean 'afterStep'?",
    ],
  ])('%s', async (_hook, members, message) => {
    const make = (weight?: number) => custom(members as Partial<Regularizer>, weight);
    const messages = (await failures(make, { adapter })).map((failure) => failure.message);
    expect(
      messages.some((text) => text.includes(message)),
      messages.join('\n'),
    ).toBe(true);
    expect(messages.join('\n')).not.toMatch(/Cannot read|not valid JSON|is not a function|not iterable/);
  });
});

describe('what is said of itself wrongly', () => {
  it('a config that is missing, and a weight that is none', async () => {
    const bare = () => ({ name: 'bare', needs, penalty }) as unknown as Regularizer;
    expect((await failures(bare))[0]!.message).toContain('its config is undefined');
    const odd = await failures(() => ({ ...custom({ needs, penalty }), weight: { start: 1 } as never }));
    expect(odd.find(({ check }) => check.endsWith('its weight'))!.message).toContain(
      'has {"start":1} as its weight, must be a number or { from, to }',
    );
  });

  it('a kind of its own without fromConfig, and makers that give nothing', async () => {
    const [, back] = await regularizerContract(() => custom({ needs, penalty }));
    await expect(back!.run()).rejects.toThrow(
      "type 'custom', which is none of SafeTune's: give the contract what makes it",
    );
    await expect(regularizerContract((() => {}) as never)).rejects.toThrow('make gives undefined');
    const nothing = await failures(() => custom({ needs, penalty }), { fromConfig: (() => {}) as never });
    expect(nothing[0]!.message).toContain('fromConfig gives undefined');
  });
});

describe('distances', () => {
  it('may be off by rounding, as much as is stated', async () => {
    // The penalty of the README: a sum of rounded terms, which is a little below 0 beside the reference.
    const plain = ({ logits, referenceLogits, responseMask }: ForwardOutputs) => {
      const [p, q] = [logSoftmax(logits), logSoftmax(referenceLogits!)];
      return maskedMean(sum(multiply(exp(p), subtract(p, q)), { axes: -1 }), responseMask);
    };
    const make = (weight?: number) => custom({ needs, penalty: plain }, weight);
    expect(await failures(make)).toEqual([]);
    await expect(regularizerContract(make, { tolerance: Number.NaN })).rejects.toThrow('tolerance is NaN');
    const strict = await failures((weight) => custom({ needs, penalty: (o) => negate(plain(o)) }, weight), {
      tolerance: 0,
    });
    expect(checksOf(strict)).toContain('penalty: is never negative');
  });

  it('need not be, where it is said so', async () => {
    const make = (weight?: number) =>
      custom({ needs, penalty: (outputs) => exp(negate(penalty(outputs))) }, weight);
    expect(checksOf(await failures(make))).toEqual(['penalty: is zero at the reference']);
    expect(await failures(make, { isDistance: false })).toEqual([]);
  });
});

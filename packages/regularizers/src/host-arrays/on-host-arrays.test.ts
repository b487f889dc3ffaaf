import { GradientError, hostArray, InputError, multiply, stopGradient, sum } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import {
  compilePenalty,
  evaluateOnHostArrays,
  kl,
  ldifs,
  PenaltyInputError,
  type Regularizer,
  RegularizerOptionError,
} from '../index.ts';

const logits = { data: [1, 2, 3, 4, 5, 6], shape: [2, 3] };
const referenceLogits = { data: [0, 1, 0, 1, 0, 1], shape: [2, 3] };
const responseMask = { data: [1, 1], shape: [2] };

describe('compilePenalty', () => {
  it('says what it uses, and takes other extents from run to run', async () => {
    const penalty = await compilePenalty(kl());
    expect([...penalty.uses].sort()).toEqual(['logits', 'referenceLogits', 'responseMask']);
    const both = await penalty.run({ logits, referenceLogits, responseMask });
    const one = await penalty.run({
      logits: { data: [1, 2, 3, 4], shape: [1, 4] },
      referenceLogits: { data: [1, 2, 3, 4], shape: [1, 4] },
      responseMask: { data: [1], shape: [1] },
    });
    expect(both.gradients.logits!.shape).toEqual([2, 3]);
    expect(both.value).toBeGreaterThan(0.1);
    expect(one.value).toBe(0);
    expect(one.gradients.logits!.shape).toEqual([1, 4]);
    await penalty.release();
  });

  it('says which layers it compares', async () => {
    const penalty = await compilePenalty(ldifs({ layers: { count: 2 } }), { layerCount: 4 });
    expect(penalty.layers).toEqual([1, 4]);
    expect([...penalty.uses].sort()).toEqual([
      'hiddenStates.1',
      'hiddenStates.4',
      'referenceHiddenStates.1',
      'referenceHiddenStates.4',
      'tokenMask',
    ]);
    await penalty.release();
  });

  it('multiplies value and gradients by the weight given', async () => {
    const once = await evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask });
    const thrice = await evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask }, { weight: 3 });
    expect(thrice.value).toBeCloseTo(3 * once.value, 5);
    expect(thrice.unweighted).toBe(once.value);
    const [a, b] = [once, thrice].map(({ gradients }) => gradients.logits!.data as Float32Array);
    for (const [index, value] of a!.entries()) expect(b![index]).toBeCloseTo(3 * value, 5);
  });

  it('takes ndarray views, number arrays and integers of any width alike', async () => {
    const wide = hostArray(Float32Array.of(9, 1, 2, 3, 9, 4, 5, 6), [2, 4]).lo(0, 1);
    const tagged = { safe: { data: Uint8Array.of(1), shape: [1] } };
    const options = { onlyTagged: 'safe' };
    const rest = { responseMask: { data: Uint8Array.of(1, 1), shape: [2] }, tagged };
    const plain = await evaluateOnHostArrays(kl(options), {
      logits,
      referenceLogits,
      ...rest,
      exampleOfRow: { data: [0, 0], shape: [2] },
    });
    const strided = await evaluateOnHostArrays(kl(options), {
      logits: wide,
      referenceLogits,
      ...rest,
      exampleOfRow: { data: BigInt64Array.of(0n, 0n), shape: [2] },
    });
    expect(strided.value).toBe(plain.value);
    expect(plain.value).toBeGreaterThan(0.1);
  });
});

describe('bad input', () => {
  it('names an array that is missing', async () => {
    const failure = await evaluateOnHostArrays(kl(), { logits, responseMask }).catch(
      (error: unknown) => error,
    );
    expect(PenaltyInputError.isInstance(failure) && failure.input).toBe('referenceLogits');
    const layer = await evaluateOnHostArrays(ldifs({ layers: [2] }), { hiddenStates: new Map() }).catch(
      (error) => error,
    );
    expect(String(layer)).toContain('ldifs: tokenMask is missing');
  });

  it('refuses elements that do not fill their shape, and shapes that do not fit', async () => {
    await expect(
      evaluateOnHostArrays(kl(), { logits: { data: [1, 2], shape: [2, 3] }, referenceLogits, responseMask }),
    ).rejects.toThrow('logits holds 2 elements of Array for shape [2, 3]');
    await expect(
      evaluateOnHostArrays(kl(), { logits, referenceLogits, responseMask: { data: [1], shape: [1] } }),
    ).rejects.toThrow(InputError);
  });

  it('does not hand on a value that is not finite', async () => {
    const data = [1, 2, 3, 4, 5, Number.NaN];
    await expect(
      evaluateOnHostArrays(kl(), { logits: { data, shape: [2, 3] }, referenceLogits, responseMask }),
    ).rejects.toThrow('kl: logits gave the penalty NaN');
  });

  it('asks for the number of blocks when the layers depend on it', async () => {
    await expect(compilePenalty(ldifs())).rejects.toThrow('give layerCount');
    await expect(compilePenalty(ldifs({ layers: [7] }), { layerCount: 4 })).rejects.toThrow(
      RegularizerOptionError,
    );
  });

  it('refuses a regularizer that is no term of the loss, or that depends on nothing in training', async () => {
    const named = (penalty?: Regularizer['penalty']): Regularizer => ({
      name: 'mine',
      config: { type: 'mine' },
      ...(penalty === undefined ? {} : { penalty }),
    });
    await expect(compilePenalty(named())).rejects.toThrow('mine: has no penalty');
    await expect(compilePenalty(named((outputs) => outputs.logits))).rejects.toThrow(
      'must be a float32 scalar',
    );
    await expect(compilePenalty(named((outputs) => sum(stopGradient(outputs.logits))))).rejects.toThrow(
      GradientError,
    );
    await expect(compilePenalty(named((outputs) => sum(multiply(outputs.tokenMask, 2))))).rejects.toThrow(
      'mine: its penalty does not depend on the logits or hidden states of the model in training',
    );
  });
});

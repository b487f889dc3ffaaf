import { expect, it } from 'vitest';
import { trainByHand } from './hand-written.ts';

const last = (values: readonly number[]) => values.at(-1)!;

it('KL and LDIFS, injected into a hand-written loop, hold the model to its start', async () => {
  const free = await trainByHand({ lambda: { kl: 0, ldifs: 0 } });
  const held = await trainByHand({ lambda: { kl: 1, ldifs: 1 } });

  // Both start at the reference, where the penalties are zero, and learn.
  for (const { crossEntropy, divergence, distance } of [free, held]) {
    expect(divergence[0]).toBeLessThan(1e-6);
    expect(distance[0]).toBeLessThan(1e-6);
    expect(last(crossEntropy)).toBeLessThan(0.5 * crossEntropy[0]!);
  }
  expect(last(held.divergence)).toBeLessThan(0.5 * last(free.divergence));
  expect(last(held.distance)).toBeLessThan(0.5 * last(free.distance));
});

it('each holds what it is about: KL the answers, LDIFS the features', async () => {
  const ofAnswers = await trainByHand({ lambda: { kl: 1, ldifs: 0 } });
  const ofFeatures = await trainByHand({ lambda: { kl: 0, ldifs: 1 } });
  expect(last(ofAnswers.divergence)).toBeLessThan(0.5 * last(ofFeatures.divergence));
  expect(last(ofFeatures.distance)).toBeLessThan(0.5 * last(ofAnswers.distance));
});

it('goes down at every step, to the balance where the gradients cancel', async () => {
  const lambda = { kl: 1, ldifs: 0.5 };
  const { crossEntropy, divergence, distance } = await trainByHand({ lambda, steps: 1500 });
  const total = crossEntropy.map(
    (value, step) => value + lambda.kl * divergence[step]! + lambda.ldifs * distance[step]!,
  );
  for (const [index, value] of total.slice(1).entries()) expect(value).toBeLessThan(total[index]! + 1e-5);
  expect(total[0]! - total[100]!).toBeGreaterThan(0.1);
  expect(total[1400]! - total[1499]!).toBeLessThan(1e-3);
});

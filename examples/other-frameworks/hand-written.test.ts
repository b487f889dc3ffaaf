import { expect, it } from 'vitest';
import { trainByHand } from './hand-written.ts';

it('KL, injected into a hand-written loop, holds the model to its start', async () => {
  const free = await trainByHand({ weight: 0 });
  const held = await trainByHand({ weight: 1 });
  const firm = await trainByHand({ weight: 10, steps: 400 });
  const last = (values: readonly number[]) => values.at(-1)!;

  expect(free.divergence[0]).toBeLessThan(1e-6);
  expect(last(free.crossEntropy)).toBeLessThan(0.5 * free.crossEntropy[0]!);
  expect(last(held.crossEntropy)).toBeLessThan(0.8 * held.crossEntropy[0]!);
  expect(last(held.divergence)).toBeLessThan(0.25 * last(free.divergence));
  // A heavier penalty overshoots nothing: less divergence, less of the new task.
  expect(last(firm.divergence)).toBeLessThan(last(held.divergence));
  expect(last(firm.crossEntropy)).toBeGreaterThan(last(held.crossEntropy));
});

it('reaches the balance where the two gradients cancel', async () => {
  const { crossEntropy, divergence } = await trainByHand({ weight: 1, steps: 1500 });
  const total = crossEntropy.map((value, step) => value + divergence[step]!);
  const early = total[0]! - total[100]!;
  const late = total[1400]! - total[1499]!;
  expect(early).toBeGreaterThan(0.1);
  expect(Math.abs(late)).toBeLessThan(1e-3);
});

import { expect, it } from 'vitest';
import { countingModel, fineTune } from './jax.ts';

it('KL and LDIFS, injected into a training loop of jax-js, hold the model to its reference', async () => {
  const reference = countingModel();
  const measured = await fineTune({ start: reference, reference, lambda: { kl: 0, ldifs: 0 } });
  const held = await fineTune({ start: reference, reference, lambda: { kl: 1, ldifs: 1 } });
  const [free, near] = [measured.report.at(-1)!, held.report.at(-1)!];

  // Both start at the reference, where the penalties are zero, and learn the new task.
  expect(measured.report[0]!.kl).toBeLessThan(1e-6);
  expect(measured.report[0]!.ldifs).toBeLessThan(1e-6);
  expect(free.crossEntropy).toBeLessThan(0.1 * measured.report[0]!.crossEntropy);
  expect(near.crossEntropy).toBeLessThan(0.25 * held.report[0]!.crossEntropy);
  // Without the penalties the model drifts; with them it stays near.
  expect(free.kl).toBeGreaterThan(1);
  expect(near.kl).toBeLessThan(0.5 * free.kl);
  expect(near.ldifs).toBeLessThan(0.5 * free.ldifs);

  // A model that has drifted comes back: the penalties fall.
  const back = await fineTune({ start: measured.weights, reference, lambda: { kl: 1, ldifs: 1 }, steps: 15 });
  expect(back.report.at(-1)!.kl).toBeLessThan(0.5 * back.report[0]!.kl);
  expect(back.report.at(-1)!.ldifs).toBeLessThan(0.5 * back.report[0]!.ldifs);
});

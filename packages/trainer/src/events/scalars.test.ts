import { expect, it } from 'vitest';
import type { StepEvent } from '../run/progress.ts';
import { scalarsOf } from './scalars.ts';

const step: StepEvent = {
  type: 'step',
  step: 3,
  steps: 5,
  loss: 4.5,
  crossEntropy: 2,
  penalties: { kl: 0.25 },
  learningRate: 1e-4,
  gradientNorm: 3,
  tokens: 100,
  supervisedTokens: 50,
  tokensPerSecond: 10,
  secondsLeft: 1,
};

it('tells the loss of the task beside the cross-entropy where it is another', () => {
  const plain = scalarsOf(step)!.values;
  expect(plain).toMatchObject({ 'loss/total': 4.5, 'loss/cross_entropy': 2, 'penalty/kl/value': 0.25 });
  expect(Object.keys(plain)).not.toContain('loss/task');
  expect(scalarsOf({ ...step, taskLoss: 4 })!.values).toEqual({ ...plain, 'loss/task': 4 });
});

/** Loss after the same training steps from the same start, in float32 and in a less precise model. */

import { adamWStep, clipByNorm, createAdamWState } from '@safetune/trainer';
import { compileStep, type TrainStepSettings } from './compile-step.ts';
import { print, settings } from './lines.ts';

const given = settings<TrainStepSettings>();

async function lossesWith(
  precision: TrainStepSettings['precision'],
): Promise<{ first: number; last: number }> {
  const { step, adapter, batch } = await compileStep({ ...given, precision });
  const optimizer = createAdamWState(adapter.parameters.length);
  const losses: number[] = [];
  for (let index = 0; index < given.steps; index++) {
    const { loss } = await step.run(batch, { kl: 0.1 });
    losses.push(loss);
    clipByNorm(step.gradients, 1);
    adamWStep(adapter.parameters, step.gradients, optimizer, 2e-4);
  }
  await step.release();
  return { first: losses[0]!, last: losses.at(-1)! };
}

const exact = await lossesWith('float32');
const rounded = await lossesWith(given.precision);
print({ type: 'figure', name: 'lossBefore', value: exact.first });
print({ type: 'figure', name: 'lossAfterFloat32', value: exact.last });
print({ type: 'figure', name: 'lossAfter', value: rounded.last });

/** A LoRA training step, optimizer included: forward, loss, backward, clipping, AdamW. */
import { adamWStep, clipByNorm, createAdamWState } from '@safetune/trainer';
import { compileStep, type TrainStepSettings } from './compile-step.ts';
import { settings, timeSteps } from './lines.ts';

const given = settings<TrainStepSettings>();
const { step, adapter, batch } = await compileStep(given);
const optimizer = createAdamWState(adapter.parameters.length);

await timeSteps(given, async () => {
  const { loss } = await step.run(batch, { kl: 0.1 });
  clipByNorm(step.gradients, 1);
  adamWStep(adapter.parameters, step.gradients, optimizer, 1e-4);
  return loss;
});
await step.release();

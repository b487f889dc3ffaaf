/** Relative l2 distance of the LoRA gradients of a less precise model from those of float32, at one random adapter. */

import { compileStep, type TrainStepSettings } from './compile-step.ts';
import { print, settings } from './lines.ts';

const given = settings<TrainStepSettings>();

async function gradientsAt(precision: TrainStepSettings['precision']): Promise<Float32Array> {
  const { step, adapter, batch } = await compileStep({ ...given, precision });
  let state = 1;
  adapter.parameters.forEach((value, index) => {
    // As after some training: B is no longer zero.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    adapter.parameters[index] = value + 0.002 * (state / 2 ** 32 - 0.5);
  });
  await step.run(batch, { kl: 0.1 });
  const gradients = step.gradients.slice();
  await step.release();
  return gradients;
}

const expected = await gradientsAt('float32');
const actual = await gradientsAt(given.precision);
let [difference, norm] = [0, 0];
for (let index = 0; index < expected.length; index++) {
  difference += (actual[index]! - expected[index]!) ** 2;
  norm += expected[index]! ** 2;
}
print({ type: 'figure', name: 'gradientError', value: Math.sqrt(difference / norm) });

/** How resident memory grows over training steps, and over cycles of compiling and releasing a step. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { compileStep, type TrainStepSettings } from './compile-step.ts';
import { print, settings } from './lines.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const given = settings<TrainStepSettings & { readonly cycles: number }>();

/** Resident memory after each of `count` repetitions, those of the first half left out: they warm up. */
async function residentMemory(count: number, repeat: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let index = 0; index < count; index++) {
    await repeat();
    collectGarbage();
    if (index >= count / 2) samples.push(process.memoryUsage.rss());
  }
  return samples;
}

/** Least-squares slope of equally spaced values. */
function slope(values: readonly number[]): number {
  const mean = (numbers: readonly number[]) =>
    numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
  const [middle, average] = [(values.length - 1) / 2, mean(values)];
  const covariance = values.reduce((sum, value, index) => sum + (index - middle) * (value - average), 0);
  return covariance / values.reduce((sum, _, index) => sum + (index - middle) ** 2, 0);
}

const { step, batch } = await compileStep(given);
const overSteps = await residentMemory(given.steps, () => step.run(batch, { kl: 0.1 }));
await step.release();
const overCycles = await residentMemory(given.cycles, async () => {
  const made = await compileStep(given);
  await made.step.run(made.batch, { kl: 0.1 });
  await made.step.release();
});
print({ type: 'figure', name: 'bytesPerStep', value: slope(overSteps) });
print({ type: 'figure', name: 'bytesPerCycle', value: slope(overCycles) });
print({ type: 'figure', name: 'residentBytes', value: overCycles.at(-1)! });

import { isDeepStrictEqual } from 'node:util';
import type { LoraAdapter } from '@safetune/lora';
import { callAdapterHook } from '../interface/adapter-hooks.ts';
import { changedGradient } from '../interface/gradient-hook.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import type { RegularizerState } from '../interface/state.ts';
import { largestDifference } from './penalty-runs.ts';
import { randomNumbers } from './sample-outputs.ts';
import { adapterOf, type ContractCheck, check, type Subject } from './subject.ts';

/** What a state must keep for a run to go on from it. */
export function stateChecks(subject: Subject): ContractCheck[] {
  const { steps } = subject;
  return [
    check(subject, 'a resumed run ends as one that was not', async (made, assert) => {
      const whole = await adapterOf(subject);
      await run(made, whole, 1, 2 * steps);

      const adapter = await adapterOf(subject);
      const killed = await subject.make();
      await run(killed, adapter, 1, steps);
      const state = throughFile(killed.saveState!());
      const resumed = await subject.make();
      await run(resumed, adapter, steps + 1, 2 * steps, state);
      const ofResumed = throughFile(resumed.saveState!());
      const ofWhole = throughFile(made.saveState!());
      for (const [each, of] of [
        [made, whole],
        [resumed, adapter],
      ] as const)
        await callAdapterHook(each, 'afterTraining', of);
      assert(
        largestDifference(adapter.parameters, whole.parameters) === 0,
        `ends with other values when it is resumed after step ${steps}: is something it keeps missing in saveState?`,
      );
      assert(isDeepStrictEqual(ofResumed, ofWhole), 'has another state in the end when it is resumed');
    }),
    check(subject, 'beforeTraining sets everything to the start', async (made, assert) => {
      const [first, second] = [await adapterOf(subject), await adapterOf(subject)];
      await run(made, first, 1, steps);
      await run(made, second, 1, steps);
      assert(
        largestDifference(first.parameters, second.parameters) === 0,
        'acts otherwise in a second run: what it keeps is not set to the start',
      );
    }),
  ];
}

/** Steps of a training whose gradients are random, from the start or from a state. */
async function run(
  regularizer: Regularizer,
  adapter: LoraAdapter,
  from: number,
  to: number,
  state?: RegularizerState,
): Promise<void> {
  const { parameters } = adapter;
  await callAdapterHook(regularizer, 'beforeTraining', adapter);
  if (state !== undefined) regularizer.restoreState!(state);
  for (let step = from; step <= to; step++) {
    const random = (seed: number) => Float32Array.from(parameters, randomNumbers(1000 * seed + step));
    const gradient =
      regularizer.gradient === undefined
        ? random(1)
        : await changedGradient(regularizer, random(1), {
            step,
            parameters,
            anchorGradient: async () => random(2),
          });
    for (let index = 0; index < parameters.length; index++) parameters[index]! -= 0.01 * gradient[index]!;
    await callAdapterHook(regularizer, 'afterStep', adapter, step);
  }
}

/** As a checkpoint gives it back. */
function throughFile({ facts = null, tensors = {} }: RegularizerState): RegularizerState {
  return {
    facts: JSON.parse(JSON.stringify(facts)),
    tensors: Object.fromEntries(Object.entries(tensors).map(([name, values]) => [name, values.slice()])),
  };
}

import { callAdapterHook } from '../interface/adapter-hooks.ts';
import { changedGradient } from '../interface/gradient-hook.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { largest, largestDifference } from './penalty-runs.ts';
import { randomNumbers } from './sample-outputs.ts';
import { adapterOf, type ContractCheck, check, type Subject } from './subject.ts';

/** What a change of the gradient must keep. */
export function gradientHookChecks(subject: Subject): ContractCheck[] {
  return [
    check(subject, 'changes some gradient, and gives one of its size', async (made, assert) => {
      const changes = [];
      for (const sign of [1, -1]) {
        const { gradient, task } = await change(subject, made, { task: sign });
        changes.push(largestDifference(gradient, task));
      }
      assert(
        changes.some((each) => each !== 0),
        'gives every gradient back as it was',
      );
    }),
    check(subject, 'is deterministic', async (made, assert) => {
      const one = await change(subject, made);
      const other = await change(subject, await subject.make());
      assert(
        largestDifference(one.gradient, other.gradient) === 0,
        'makes different gradients of the same one',
      );
    }),
    check(subject, 'leaves the trained values as they are', async (made, assert) => {
      const { parameters, before } = await change(subject, made);
      assert(
        largestDifference(parameters, before) === 0,
        'changes the trained values: set back what is changed, or do it in afterStep',
      );
    }),
    check(subject, 'stays finite where a gradient is zero', async (_made, assert) => {
      for (const [task, anchors, which] of [
        [0, 1, "the task's"],
        [1, 0, "the anchors'"],
        [0, 0, 'every'],
      ] as const) {
        const { gradient } = await change(subject, await subject.make(), { task, anchors });
        assert(
          Number.isFinite(largest(gradient)),
          `gives values that are not finite where ${which} gradient is zero`,
        );
      }
    }),
  ];
}

/** The first step's change of a random gradient, both gradients times the given factors. */
async function change(subject: Subject, regularizer: Regularizer, { task = 1, anchors = 1 } = {}) {
  const adapter = regularizer.beforeTraining && (await adapterOf(subject));
  const parameters = adapter?.parameters ?? randomValues(24, 3, 1);
  const before = parameters.slice();
  if (adapter !== undefined) await callAdapterHook(regularizer, 'beforeTraining', adapter);
  const ofTask = randomValues(parameters.length, 1, task);
  const gradient = await changedGradient(regularizer, ofTask.slice(), {
    step: 1,
    parameters,
    anchorGradient: async () => randomValues(parameters.length, 2, anchors),
  });
  return { gradient, task: ofTask, parameters, before };
}

function randomValues(length: number, seed: number, factor: number): Float32Array {
  const random = randomNumbers(seed);
  return Float32Array.from({ length }, () => factor * random());
}

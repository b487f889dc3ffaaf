import type { LoraAdapter } from '@safetune/lora';
import { contiguousData, hostArray } from '@safetune/tensor';
import { callAdapterHook } from '../interface/adapter-hooks.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { largest, largestDifference } from './penalty-runs.ts';
import { type Assert, adapterOf, type ContractCheck, check, type Subject } from './subject.ts';

/** What getting ready for an adapter must keep. */
export function beforeTrainingChecks(subject: Subject): ContractCheck[] {
  return [
    checkOn(
      subject,
      'leaves the adapter as it is, also when a run resumes and calls it again',
      async (made, adapter, assert) => {
        const before = adapter.parameters.slice();
        for (const call of ['first', 'second']) {
          await callAdapterHook(made, 'beforeTraining', adapter);
          assert(
            largestDifference(before, adapter.parameters) === 0,
            `its ${call} call changes the adapter: do that in afterStep or afterTraining`,
          );
        }
      },
    ),
  ];
}

/** What a change of the adapter's weights must keep. */
export function adapterChecks(subject: Subject): ContractCheck[] {
  const on = (name: string, body: AdapterCheck) => checkOn(subject, name, body);
  const { steps } = subject;
  return [
    on('changes the adapter it is given', async (made, adapter, assert) => {
      const untouched = await subject.adapter!();
      for (let step = 1; step <= steps; step++) train(untouched);
      await act(made, adapter, steps);
      const apart = largestDifference(untouched.parameters, adapter.parameters);
      assert(
        apart !== 0,
        `leaves every value as it was in ${steps} steps and at the end: does it find its modules?`,
      );
    }),
    on('acts on modules by name, whatever their order', async (made, adapter, assert) => {
      const reversed = reordered(adapter);
      await act(made, adapter, steps);
      await act(await subject.make(), reversed, steps);
      for (const [name, array] of Object.entries(adapter.tensors)) {
        const values = contiguousData(array) as Float32Array;
        const other = contiguousData(reversed.tensors[name]!) as Float32Array;
        assert(
          largestDifference(values, other) <= 1e-5 * largest(values),
          `changes ${name} otherwise when the modules come in another order: it matches them by their place`,
        );
      }
    }),
    on('is deterministic', async (made, adapter, assert) => {
      const twin = await subject.adapter!();
      await act(made, adapter, steps);
      await act(await subject.make(), twin, steps);
      assert(
        largestDifference(adapter.parameters, twin.parameters) === 0,
        'changes equal adapters differently',
      );
    }),
    on('leaves finite values, also of an adapter that has not trained yet', async (made, adapter, assert) => {
      await act(made, adapter, steps);
      assert(Number.isFinite(largest(adapter.parameters)), 'leaves values that are not finite');
      const fresh = await subject.adapter!();
      for (const { b } of fresh.modules) (contiguousData(b) as Float32Array).fill(0);
      await act(await subject.make(), fresh, steps);
      assert(
        Number.isFinite(largest(fresh.parameters)),
        'leaves values that are not finite where factor B was zero',
      );
    }),
  ];
}

type AdapterCheck = (made: Regularizer, adapter: LoraAdapter, assert: Assert) => Promise<void>;

/** A check that gets an adapter of the subject's. */
function checkOn(subject: Subject, promise: string, body: AdapterCheck): ContractCheck {
  return check(subject, promise, async (made, assert) => {
    await body(made, await adapterOf(subject), assert);
  });
}

/** A whole training's calls, with something like training in between. */
async function act(regularizer: Regularizer, adapter: LoraAdapter, steps: number): Promise<void> {
  await callAdapterHook(regularizer, 'beforeTraining', adapter);
  for (let step = 1; step <= steps; step++) {
    train(adapter);
    await callAdapterHook(regularizer, 'afterStep', adapter, step);
  }
  await callAdapterHook(regularizer, 'afterTraining', adapter);
}

/** An optimizer's step, the same whatever the order of the modules. */
function train({ parameters }: LoraAdapter): void {
  for (let index = 0; index < parameters.length; index++) parameters[index]! *= 1.01;
}

/** The same adapter with its modules in the opposite order, in a buffer of its own. */
function reordered(adapter: LoraAdapter): LoraAdapter {
  const parameters = new Float32Array(adapter.parameters.length);
  let used = 0;
  const views = new Map(
    Object.entries(adapter.tensors)
      .reverse()
      .map(([name, array]) => {
        const values = parameters.subarray(used, used + array.size);
        values.set(contiguousData(array) as Float32Array);
        used += array.size;
        return [array, [name, hostArray(values, array.shape)]] as const;
      }),
  );
  const moved = (array: (typeof adapter.modules)[number]['a']) =>
    [...views].find(([from]) => from.data === array.data && from.offset === array.offset)![1][1];
  return {
    ...adapter,
    parameters,
    tensors: Object.fromEntries(views.values()),
    modules: adapter.modules
      .toReversed()
      .map((module) => ({ ...module, a: moved(module.a), b: moved(module.b) })),
  };
}

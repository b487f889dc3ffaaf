import type { LoraAdapter } from '@safetune/lora';
import { contiguousData, type HostArray } from '@safetune/tensor';
import { openFrozenAdapters } from '../interface/frozen-adapters.ts';
import type { Regularizer } from '../interface/regularizer.ts';
import { largest, largestDifference } from './penalty-runs.ts';
import { type Assert, type ContractCheck, check, type Subject } from './subject.ts';

/** What adapters that stay frozen in the forward pass must keep. */
export function frozenAdaptersChecks(subject: Subject): ContractCheck[] {
  const on = (promise: string, body: (adapters: readonly LoraAdapter[], assert: Assert) => Promise<void>) =>
    check(subject, promise, async (made, assert) => body(await open(made, subject), assert));
  return [
    on('gives adapters of the model, each of which changes a layer', async (adapters, assert) => {
      adapters.forEach(({ modules }, index) => {
        const isZero = modules.every(({ a, b }) => size(a) * size(b) === 0);
        assert(!isZero, `adapter ${index} changes no layer: its updates are all zero, as before training`);
      });
    }),
    on('gives finite values', async (adapters, assert) => {
      adapters.forEach(({ parameters }, index) => {
        assert(Number.isFinite(largest(parameters)), `adapter ${index} has values that are not finite`);
      });
    }),
    on('gives the same adapters every time', async (adapters, assert) => {
      const again = await open(await subject.make(), subject);
      assert(again.length === adapters.length, `gives ${adapters.length} adapters, then ${again.length}`);
      adapters.forEach(({ parameters }, index) => {
        const other = again[index]!.parameters;
        assert(
          other.length === parameters.length && largestDifference(parameters, other) === 0,
          `gives another adapter ${index} when it is asked again`,
        );
      });
    }),
  ];
}

const size = (factor: HostArray) => largest(contiguousData(factor) as Float32Array);

function open(made: Regularizer, { adapted }: Subject): Promise<readonly LoraAdapter[]> {
  if (adapted === undefined)
    throw new TypeError('give the contract the model that adapters are opened for (options.adapted)');
  return openFrozenAdapters(made, { model: adapted });
}

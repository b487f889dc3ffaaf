import type { LoraAdapter } from '@safetune/lora';
import { RegularizerOptionError } from '../errors.ts';
import type { Regularizer } from './regularizer.ts';

/**
 * Calls a hook that acts on an adapter, where the regularizer has it. It must write into the arrays that are there: training goes on with
 * these, and would not see others put in their place.
 *
 * @param step - for `afterStep`, from 1
 * @throws RegularizerOptionError when the hook assigns a field of the adapter; what the hook throws.
 */
export async function callAdapterHook(
  regularizer: Regularizer,
  hook: 'beforeTraining' | 'afterStep' | 'afterTraining',
  adapter: LoraAdapter,
  step = 0,
): Promise<void> {
  if (regularizer[hook] === undefined) return;
  const before = { ...adapter };
  await regularizer[hook](adapter, step);
  const assigned = Object.keys(before).find(
    (field) => Reflect.get(adapter, field) !== Reflect.get(before, field),
  );
  if (assigned === undefined) return;
  throw new RegularizerOptionError(
    regularizer.name,
    `${hook} assigns adapter.${assigned}, which training does not see: write into the arrays that are there, ` +
      'as in adapter.parameters.set(values)',
  );
}

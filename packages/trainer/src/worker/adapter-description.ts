import { createLoraAdapterFor, type LoraAdapter, type LoraConfig, loadLoraAdapter } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';

/** What an adapter is made from in another thread. A `LoraAdapter` is one: its values travel, and trained ones come back. */
export interface AdapterDescription {
  /** Fields that differ from `loraConfig`'s defaults. */
  readonly config: Partial<LoraConfig>;
  /** Decides the start when there are no `parameters`. Default 0. */
  readonly seed?: number;
  /** All values in the order of `LoraAdapter.parameters`. Default: a new adapter's. */
  readonly parameters?: Float32Array;
}

/** The part of a description that can be cloned: a `LoraAdapter` also has functions. */
export function cloneableAdapter(adapter: AdapterDescription | string): AdapterDescription | string {
  if (typeof adapter === 'string') return adapter;
  const { config, seed = 0, parameters } = adapter;
  // A clone of a view would take all the memory under it along.
  return { config, seed, ...(parameters === undefined ? {} : { parameters: parameters.slice() }) };
}

/**
 * The adapter that was described, for this model; a string is a folder of PEFT's.
 *
 * @throws what `createLoraAdapterFor` or `loadLoraAdapter` throws; RangeError when `parameters` are of another length.
 */
export async function openAdapter(
  adapter: AdapterDescription | string,
  model: CausalLm,
): Promise<LoraAdapter> {
  if (typeof adapter === 'string') return loadLoraAdapter(adapter, { model });
  const made = await createLoraAdapterFor(model, startingConfig(adapter), { seed: adapter.seed ?? 0 });
  if (adapter.parameters !== undefined) setParameters(made, adapter.parameters);
  return made;
}

/** Values that are given need no start, unless it was taken off the weights. */
function startingConfig({ config, parameters }: AdapterDescription): Partial<LoraConfig> {
  const isOffWeights = /^(pissa|olora)/i.test(`${config.init_lora_weights}`);
  return parameters === undefined || isOffWeights ? config : { ...config, init_lora_weights: true };
}

/** @throws RangeError when the lengths differ. */
export function setParameters({ parameters }: LoraAdapter, values: Float32Array): void {
  if (values.length !== parameters.length) {
    throw new RangeError(`the adapter has ${parameters.length} parameters, ${values.length} were given`);
  }
  parameters.set(values);
}

import { contiguousData } from '@safetune/tensor';
import type { LoraConfig } from '../config/config.ts';
import { type Initialization, initializationOf, startsFromWeight } from '../config/initialization.ts';
import {
  adapterOver,
  type CreateLoraAdapterOptions,
  completeConfig,
  type LoraAdapter,
  requireUsefulRank,
  spelledOut,
} from './adapter.ts';
import { initializeEmbeddings, initializeFactors, setFactors } from './initialize.ts';
import { type AdaptableModel, readWeight } from './model.ts';
import type { Factors, LoraModule } from './module.ts';
import { columnNorms, rowNorms } from './norms.ts';
import { adaptableLayers, partsOfModel } from './parts.ts';
import { principalFactors } from './principal-factors.ts';

/**
 * A new adapter for a model, ready to train, with all that PEFT's configuration asks for: what starts from the model's
 * weights (DoRA's norms, whole modules, biases, token embeddings, PiSSA, OLoRA) is read from its files.
 *
 * @param model - such as a `CausalLm`.
 * @param config - as of `createLoraAdapter`; `target_modules` may name the output layer and the embedding too.
 * @throws what `createLoraAdapter` throws; SafetensorsError when a weight cannot be read.
 *
 * @example
 * const adapter = await createLoraAdapterFor(model, { r: 16, use_dora: true, modules_to_save: ['lm_head'] }, { seed: 1 });
 */
export async function createLoraAdapterFor(
  model: AdaptableModel,
  config: Partial<LoraConfig> = {},
  { seed = 0 }: CreateLoraAdapterOptions = {},
): Promise<LoraAdapter> {
  const complete = completeConfig(config, adaptableLayers(config.target_modules, model));
  const parts = partsOfModel(complete, model);
  for (const target of [...parts.modules, ...parts.embeddings]) requireUsefulRank(complete, target);
  const initialization = initializationOf(complete.init_lora_weights);
  const empty = adapterOver(spelledOut(complete, parts.modules), parts);
  const origins = startsFromWeight(initialization)
    ? await originsFromWeights(empty.modules, model, initialization)
    : new Map<string, Factors>();
  const adapter = adapterOver(empty.config, parts, empty.parameters, origins);
  if (origins.size === 0) initializeFactors(adapter.modules, seed, initialization);
  for (const module of adapter.modules) {
    if (module.origin !== undefined) setFactors(module, module.origin);
  }
  initializeEmbeddings(adapter.embeddings, seed, initialization);
  await copyFromModel(adapter, model);
  return adapter;
}

async function originsFromWeights(
  modules: readonly LoraModule[],
  model: AdaptableModel,
  initialization: Initialization,
): Promise<Map<string, Factors>> {
  const origins = new Map<string, Factors>();
  for (const module of modules) {
    const weight = await readWeight(model, `${module.name}.weight`);
    origins.set(module.name, principalFactors(weight, module, initialization));
  }
  return origins;
}

/** What starts as it is in the model: norms, whole tensors, rows of tokens. */
async function copyFromModel(
  { modules, embeddings, replaced, tokens }: LoraAdapter,
  model: AdaptableModel,
): Promise<void> {
  const set = (target: { data: unknown }, values: ArrayLike<number>) =>
    (contiguousData(target as never) as Float32Array).set(values);
  for (const module of modules) {
    if (module.magnitude === undefined) continue;
    set(module.magnitude, rowNorms(await readWeight(model, `${module.name}.weight`), module));
  }
  for (const module of embeddings) {
    if (module.magnitude === undefined) continue;
    set(module.magnitude, columnNorms(await readWeight(model, `${module.name}.weight`), module));
  }
  for (const { weight, values } of replaced) {
    set(values, contiguousData(await readWeight(model, weight)) as Float32Array);
  }
  for (const { module, tokens: indices, values, width } of tokens) {
    const table = contiguousData(await readWeight(model, `${module}.weight`)) as Float32Array;
    const rows = contiguousData(values) as Float32Array;
    indices.forEach((token, row) => {
      rows.set(table.subarray(token * width, (token + 1) * width), row * width);
    });
  }
}

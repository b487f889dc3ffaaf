import { contiguousData, type HostArray, hostArray } from '@safetune/tensor';
import type { LoraAdapter } from '../adapter/adapter.ts';
import { AdapterMismatchError } from '../errors.ts';
import { mergedTable, mergedWeight, withTokenRows } from './merge.ts';

/** How an adapter changes one tensor of the model. */
export interface WeightChange {
  /** The module that the tensor belongs to. */
  readonly module: string;
  readonly shape: readonly number[];
  /** The tensor that takes its place, float32. */
  apply(values: HostArray): HostArray;
}

/**
 * Every tensor that an adapter changes, by its name in the model; an output layer that is tied to the embedding, and stays
 * so, by the name that it would have.
 */
export function weightChanges({
  modules,
  embeddings,
  replaced,
  tokens,
}: Pick<LoraAdapter, 'modules' | 'embeddings' | 'replaced' | 'tokens'>): ReadonlyMap<string, WeightChange> {
  const changes = new Map<string, WeightChange>();
  const add = (name: string, change: WeightChange) => {
    const before = changes.get(name);
    changes.set(
      name,
      before === undefined ? change : { ...change, apply: (values) => change.apply(before.apply(values)) },
    );
  };
  for (const { weight, shape, values, tied } of replaced) {
    const apply = () => hostArray((contiguousData(values) as Float32Array).slice(), [...shape]);
    for (const name of [weight, ...(tied === undefined ? [] : [tied])])
      add(name, { module: name.replace(/\.[^.]+$/, ''), shape, apply });
  }
  for (const rows of tokens) {
    for (const module of [rows.module, ...(rows.tied === undefined ? [] : [rows.tied])]) {
      const apply = (values: HostArray) => withTokenRows(values, rows);
      add(`${module}.weight`, { module, shape: [-1, rows.width], apply });
    }
  }
  for (const module of modules) {
    const { name, inFeatures, outFeatures } = module;
    const shape = [outFeatures, inFeatures];
    add(`${name}.weight`, { module: name, shape, apply: (values) => mergedWeight(values, module) });
  }
  for (const module of embeddings) {
    const { inFeatures, outFeatures, tied } = module;
    const shape = [inFeatures, outFeatures];
    for (const name of [module.name, ...(tied === undefined ? [] : [tied])])
      add(`${name}.weight`, { module: name, shape, apply: (values) => mergedTable(values, module) });
  }
  return changes;
}

/** @throws AdapterMismatchError when a checkpoint's tensor cannot be changed so. */
export function requireChangeable({ module, shape }: WeightChange, found: readonly number[]): void {
  if (shape.length === found.length && shape.every((extent, axis) => extent === -1 || extent === found[axis]))
    return;
  throw new AdapterMismatchError(
    module,
    `it adapts a weight [${shape.join(', ')}], the checkpoint's is [${found}]`,
  );
}

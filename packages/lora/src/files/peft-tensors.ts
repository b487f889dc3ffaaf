import type { SafetensorsFile, TensorRegion } from '@safetune/tensor';
import type { LinearLayer } from '../adapter/linear.ts';
import type { LoraConfig } from '../config/config.ts';
import { type TargetModule, targetModules } from '../config/target-modules.ts';
import { AdapterFileError } from '../errors.ts';

/** The two factors of a module as a file holds them. */
export interface StoredFactors {
  readonly a?: TensorRegion;
  readonly b?: TensorRegion;
}

/** PEFT's tensor names; an adapter's name before `.weight` is what a plain `state_dict` has. */
const factorName = /^base_model\.model\.(?<module>.+)\.lora_(?<factor>[AB])(?:\.(?<adapter>[^.]+))?\.weight$/;

/**
 * The factors in a weights file, by module.
 *
 * @throws AdapterFileError when a tensor is no factor, is there twice, is no matrix, or is not stored as a float.
 */
export function factorRegions(
  file: string,
  { tensors, unsupported }: SafetensorsFile,
): ReadonlyMap<string, StoredFactors> {
  const names = [...tensors.keys(), ...unsupported.keys()];
  const strange = names.filter((name) => !factorName.test(name));
  if (strange.length > 0) {
    throw new AdapterFileError(
      'unexpected-tensor',
      file,
      strange,
      'tensors that are no factors of a LoRA adapter',
    );
  }
  const absurd = names.filter((name) => /\.\d{6,}\./.test(name));
  if (absurd.length > 0) {
    throw new AdapterFileError(
      'unknown-module',
      file,
      absurd,
      'modules of blocks that no model has so many of',
    );
  }
  const stored = [...tensors.values()].filter(({ dtype }) =>
    ['float32', 'float16', 'bfloat16'].includes(dtype),
  );
  if (stored.length < names.length) {
    const usable = new Set(stored.map(({ name }) => name));
    const others = names.filter((name) => !usable.has(name));
    throw new AdapterFileError('dtype', file, others, 'factors that are not stored as F32, F16 or BF16');
  }
  const modules = new Map<string, StoredFactors>();
  for (const region of stored) {
    const groups = factorName.exec(region.name)!.groups!;
    const module = groups.module!;
    const factor = groups.factor === 'A' ? 'a' : 'b';
    const known = modules.get(module)?.[factor];
    if (known !== undefined) {
      throw new AdapterFileError('duplicate-tensor', file, [known.name, region.name], 'one factor twice');
    }
    if (region.shape.length !== 2 || region.shape.includes(0)) {
      throw new AdapterFileError(
        'shape',
        file,
        [`${region.name} [${region.shape}]`],
        'a factor must be a matrix',
      );
    }
    modules.set(module, { ...modules.get(module), [factor]: region });
  }
  return modules;
}

/**
 * The modules of a file, taken from the file alone, in the natural order of their names.
 *
 * @throws AdapterFileError when a factor is missing, does not fit the other or the configured rank, or belongs to a
 * module that the configuration leaves out; NoTargetModulesError.
 */
export function modulesOfFile(
  file: string,
  config: LoraConfig,
  regions: ReadonlyMap<string, StoredFactors>,
): readonly TargetModule[] {
  requireFactors(file, [...regions.keys()], regions);
  const layers = [...regions]
    .map(([name, { a, b }]) => ({ name, inFeatures: a!.shape[1]!, outFeatures: b!.shape[0]! }))
    .sort((one, other) => naturalOrder.compare(one.name, other.name));
  return fitToModel(file, config, regions, layers);
}

const naturalOrder = new Intl.Collator('en', { numeric: true });

/**
 * The modules that the configuration adapts in a model, in the model's order; the file must hold the factors of these
 * and of no others.
 *
 * @throws AdapterFileError, NoTargetModulesError
 */
export function fitToModel(
  file: string,
  config: LoraConfig,
  regions: ReadonlyMap<string, StoredFactors>,
  layers: readonly LinearLayer[],
): readonly TargetModule[] {
  const layerNames = new Set(layers.map(({ name }) => name));
  const unknown = [...regions.keys()].filter((name) => !layerNames.has(name));
  if (unknown.length > 0) {
    throw new AdapterFileError(
      'unknown-module',
      file,
      unknown,
      'modules that the model does not have as linear layers',
    );
  }
  const targets = targetModules(config, layers);
  requireFactors(
    file,
    targets.map(({ name }) => name),
    regions,
  );
  const targetNames = new Set(targets.map(({ name }) => name));
  const untargeted = [...regions.keys()].filter((name) => !targetNames.has(name));
  if (untargeted.length > 0) {
    throw new AdapterFileError(
      'unexpected-tensor',
      file,
      untargeted,
      'factors of modules that target_modules leave out',
    );
  }
  for (const { name, inFeatures, outFeatures, rank } of targets) {
    const { a, b } = regions.get(name)!;
    requireShape(file, a!, [rank, inFeatures]);
    requireShape(file, b!, [outFeatures, rank]);
  }
  return targets;
}

function requireFactors(
  file: string,
  modules: readonly string[],
  regions: ReadonlyMap<string, StoredFactors>,
): void {
  const missing = modules.flatMap((module) => {
    const { a, b } = regions.get(module) ?? {};
    const prefix = `base_model.model.${module}`;
    return [...(a ? [] : [`${prefix}.lora_A.weight`]), ...(b ? [] : [`${prefix}.lora_B.weight`])];
  });
  if (missing.length > 0) throw new AdapterFileError('missing-tensor', file, missing, 'missing tensors');
}

function requireShape(
  file: string,
  { name, shape }: TensorRegion,
  [rows, columns]: readonly [number, number],
): void {
  if (shape[0] === rows && shape[1] === columns) return;
  const message = `tensor has shape [${shape.join(', ')}], rank and layer need [${rows}, ${columns}]`;
  throw new AdapterFileError('shape', file, [name], message);
}

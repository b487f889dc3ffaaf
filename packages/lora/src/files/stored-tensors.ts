import type { SafetensorsFile, TensorRegion } from '@safetune/tensor';
import {
  nameOfA,
  nameOfB,
  nameOfEmbeddingA,
  nameOfEmbeddingB,
  nameOfMagnitude,
  nameOfTokenRows,
} from '../adapter/tensor-names.ts';
import { AdapterFileError } from '../errors.ts';

/** What stands before the names in PEFT's files. */
export const peftPrefix = 'base_model.model.';

/** The tensors of a weights file by the adapter's names for them. */
export type StoredTensors = ReadonlyMap<string, TensorRegion>;

/** PEFT's tensor names, and those of a plain `state_dict`, which have the adapter's name in them. */
const patterns: readonly (readonly [RegExp, (module: string, part: string) => string])[] = [
  [
    /^(?<module>.+)\.lora_(?<part>[AB])(?:\.[^.]+)?\.weight$/,
    (module, part) => (part === 'A' ? nameOfA(module) : nameOfB(module)),
  ],
  [
    /^(?<module>.+)\.lora_embedding_(?<part>[AB])(?:\.[^.]+)?$/,
    (module, part) => (part === 'A' ? nameOfEmbeddingA(module) : nameOfEmbeddingB(module)),
  ],
  [/^(?<module>.+)\.(?<part>lora_magnitude_vector)(?:\.[^.]+){0,2}$/, nameOfMagnitude],
  [/^(?<module>.+)\.token_adapter\.(?<part>trainable_tokens_delta)(?:\.[^.]+)?$/, nameOfTokenRows],
  [/^(?<module>.+)\.modules_to_save\.[^.]+\.(?<part>weight|bias)$/, (module, part) => `${module}.${part}`],
  [/^(?<module>.+)\.(?<part>weight|bias)$/, (module, part) => `${module}.${part}`],
];

function ownName(stored: string): string | undefined {
  if (!stored.startsWith(peftPrefix)) return undefined;
  const name = stored.slice(peftPrefix.length);
  for (const [pattern, build] of patterns) {
    const found = pattern.exec(name)?.groups;
    if (found !== undefined) return build(found.module!, found.part!);
  }
  return undefined;
}

/**
 * The tensors in a weights file.
 *
 * @throws AdapterFileError when a tensor can be no part of an adapter, is there twice, or is not stored as a float.
 */
export function storedTensors(file: string, { tensors, unsupported }: SafetensorsFile): StoredTensors {
  const names = [...tensors.keys(), ...unsupported.keys()];
  const strange = names.filter((name) => ownName(name) === undefined);
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
  const byName = new Map<string, TensorRegion>();
  for (const region of stored) {
    const name = ownName(region.name)!;
    const known = byName.get(name);
    if (known !== undefined) {
      throw new AdapterFileError('duplicate-tensor', file, [known.name, region.name], 'one factor twice');
    }
    if (isFactor(name) && (region.shape.length !== 2 || region.shape.includes(0))) {
      throw new AdapterFileError(
        'shape',
        file,
        [`${region.name} [${region.shape}]`],
        'a factor must be a matrix',
      );
    }
    byName.set(name, region);
  }
  return byName;
}

const factorName = /^(?<module>.+)\.(?:lora_(?:embedding_)?(?<factor>[AB])(?:\.weight)?)$/;

function isFactor(name: string): boolean {
  return factorName.test(name);
}

/** The module whose factor a name is; undefined for other tensors. */
export function moduleOfFactor(name: string): string | undefined {
  return factorName.exec(name)?.groups?.module;
}

import type { TensorRegion } from '@safetune/tensor';
import { trainedShapes } from '../adapter/adapter.ts';
import type { LinearLayer } from '../adapter/linear.ts';
import type { AdapterParts } from '../adapter/parts.ts';
import { nameOfA, nameOfB } from '../adapter/tensor-names.ts';
import type { LoraConfig } from '../config/config.ts';
import { AdapterFileError } from '../errors.ts';
import { moduleOfFactor, peftPrefix, type StoredTensors } from './stored-tensors.ts';

/**
 * Makes sure that a file holds the tensors of an adapter's parts, of their shapes, and no others.
 *
 * @param layers - layers that the model has.
 * @throws AdapterFileError
 */
export function requireTensorsOf(
  file: string,
  config: LoraConfig,
  parts: AdapterParts,
  stored: StoredTensors,
  layers: readonly LinearLayer[],
): void {
  const shapes = new Map(trainedShapes(config, parts));
  requireKnownModules(file, stored, layers);
  const missing = [...shapes.keys()].filter((name) => !stored.has(name));
  if (missing.length > 0) {
    throw new AdapterFileError(
      'missing-tensor',
      file,
      missing.map((name) => `${peftPrefix}${name}`),
      'missing tensors',
    );
  }
  const copies = tiedCopies(parts);
  const unexpected = [...stored.keys()].filter(
    (name) => !shapes.has(name) && !copies.has(name) && !isBaseWeight(name),
  );
  const untargeted = unexpected.flatMap((name) => moduleOfFactor(name) ?? []);
  if (untargeted.length > 0) {
    const modules = [...new Set(untargeted)];
    const message = 'factors of modules that target_modules leave out';
    throw new AdapterFileError('unexpected-tensor', file, modules, message);
  }
  if (unexpected.length > 0) {
    throw new AdapterFileError(
      'unexpected-tensor',
      file,
      unexpected.map((name) => `${peftPrefix}${name}`),
      'tensors that are no factors of a LoRA adapter, nor of what its configuration trains besides',
    );
  }
  for (const [name, shape] of shapes) requireShape(file, stored.get(name)!, shape);
}

function requireKnownModules(file: string, stored: StoredTensors, layers: readonly LinearLayer[]): void {
  const known = new Set(layers.map(({ name }) => name));
  const unknown = [...stored.keys()].flatMap((name) => {
    const module = moduleOfFactor(name);
    return module === undefined || known.has(module) ? [] : [module];
  });
  if (unknown.length === 0) return;
  throw new AdapterFileError(
    'unknown-module',
    file,
    [...new Set(unknown)],
    'modules that the model does not have as linear layers',
  );
}

/** PEFT saves the model's own weight of an adapted embedding or output layer along. */
export function isBaseWeight(name: string): boolean {
  return name.endsWith('.base_layer.weight');
}

/** Tensors of a tied output layer that say again what those of the embedding do. */
export function tiedCopies({
  embeddings,
  replaced,
}: Pick<AdapterParts, 'embeddings' | 'replaced'>): ReadonlySet<string> {
  return new Set([
    ...embeddings.flatMap(({ tied }) => (tied === undefined ? [] : [nameOfA(tied), nameOfB(tied)])),
    ...replaced.flatMap(({ tied }) => tied ?? []),
  ]);
}

function requireShape(file: string, { name, shape }: TensorRegion, needed: readonly number[]): void {
  if (shape.join() === needed.join()) return;
  const message = `tensor has shape [${shape.join(', ')}], rank and layer need [${needed.join(', ')}]`;
  throw new AdapterFileError('shape', file, [name], message);
}

import type { LoraAdapter } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import { openFrozenAdapters, type Regularizer } from '@safetune/regularizers';
import { TrainOptionError } from '../errors.ts';
import { withFrozenAdapters } from './frozen-adapters.ts';
import { openReference } from './open-reference.ts';
import { namedReferences, type OpenedReference, referenceOf } from './references.ts';
import type { Trainable } from './trainable.ts';

/** What regularizers bring into the step that stays as it is, opened. */
export interface FrozenParts {
  /** Adapters that are in the forward pass in training, by the name of the regularizer. */
  readonly adapters: ReadonlyMap<string, readonly LoraAdapter[]>;
  /** The models that penalties are taken to, besides the one in training, by `referenceName`. */
  readonly references: ReadonlyMap<string, OpenedReference>;
}

/**
 * Opens what regularizers bring into a training step: the adapters that they keep in its forward pass, and the references that they name. `train` and the functions that
 * compile a step do so themselves; `plan`, which opens nothing, is given it.
 *
 * @throws RegularizerOptionError, AdapterMismatchError of what does not fit the model; what opening adapters and checkpoints throws.
 *
 * @example
 * const frozenParts = await openFrozenParts({ model, regularizers });
 * plan({ model, trainable, regularizers, frozenParts, batch: { size: 4, length: 1024 } });
 */
export async function openFrozenParts({
  model,
  regularizers = [],
}: {
  readonly model: CausalLm;
  readonly regularizers?: readonly Regularizer[] | undefined;
}): Promise<FrozenParts> {
  const adapters = new Map<string, readonly LoraAdapter[]>();
  for (const regularizer of regularizers) {
    if (regularizer.frozenAdapters === undefined) continue;
    adapters.set(regularizer.name, await openFrozenAdapters(regularizer, { model }));
  }
  const references = new Map<string, OpenedReference>();
  for (const [name, reference] of namedReferences(regularizers)) {
    const { name: owner } = regularizers.find((regularizer) => referenceOf(regularizer) === name)!;
    references.set(name, await openReference(owner, reference, model));
  }
  return { adapters, references };
}

/**
 * The trainable with what regularizers keep in its forward pass.
 *
 * @throws TrainOptionError when that is not opened.
 */
export function withFrozenParts(
  trainable: Trainable,
  regularizers: readonly Regularizer[],
  frozenParts: FrozenParts | undefined,
): Trainable {
  const adapters = regularizers.flatMap(({ name, frozenAdapters }) => {
    if (frozenAdapters === undefined) return [];
    const opened = frozenParts?.adapters.get(name);
    if (opened !== undefined) return opened;
    throw new TrainOptionError(
      'frozenParts',
      `'${name}' brings adapters of its own, which are not opened: give await openFrozenParts({ model, regularizers })`,
    );
  });
  return withFrozenAdapters(trainable, adapters);
}

/** Options of a step with what its regularizers bring along, opened where it was not given. */
export async function withOpenedParts<Options extends Parameters<typeof openFrozenParts>[0]>(
  options: Options & { readonly frozenParts?: FrozenParts },
): Promise<Options & { readonly frozenParts: FrozenParts }> {
  return { ...options, frozenParts: options.frozenParts ?? (await openFrozenParts(options)) };
}

import type { LoraAdapter } from '@safetune/lora';
import type { AdaptedForward, CausalLm } from '@safetune/models';
import { type Reference, type Regularizer, referenceName, resolveLayers } from '@safetune/regularizers';
import type { HostArray, NamedTensors } from '@safetune/tensor';
import { TrainOptionError } from '../errors.ts';
import type { PairObjective } from '../objectives/pair-objective.ts';

/** A model that penalties are taken to, opened. */
export interface OpenedReference {
  /** The model in training, or another checkpoint. */
  readonly model: CausalLm;
  /** What the model has in the reference, in the place of what is trained. */
  readonly adapter?: LoraAdapter;
}

/** A reference of a step, and what of it is needed. */
export interface StepReference extends OpenedReference {
  /** By {@link referenceName}. */
  readonly name: string;
  /** Layers whose states penalties see, ascending. */
  readonly layers: readonly number[];
  readonly logits: boolean;
  /** The last layer that is needed. */
  readonly depth: number;
}

/** The name of the reference that a regularizer compares with. */
export function referenceOf({ needs }: Pick<Regularizer, 'needs'>): string {
  return referenceName(needs?.reference);
}

/** The references that regularizers name besides the model in training, each once, by name. */
export function namedReferences(
  regularizers: readonly Regularizer[],
): ReadonlyMap<string, Exclude<Reference, 'base'>> {
  return new Map(
    regularizers.flatMap((regularizer) => {
      const reference = regularizer.needs?.reference;
      const isUsed = usesReference(regularizer) && reference !== undefined && reference !== 'base';
      return isUsed ? [[referenceOf(regularizer), reference] as const] : [];
    }),
  );
}

function usesReference({ needs }: Regularizer): boolean {
  return needs?.referenceLogits === true || needs?.referenceHiddenStates !== undefined;
}

/**
 * The references of a step, the model in training first; those who name the same share one.
 *
 * @param opened those that are named, by name
 * @throws TrainOptionError when one is not opened; RegularizerOptionError for a layer that the model does not have.
 */
export function stepReferences(
  model: CausalLm,
  regularizers: readonly Regularizer[],
  objective: PairObjective | undefined,
  opened: ReadonlyMap<string, OpenedReference> | undefined,
): StepReference[] {
  const { layerCount } = model.config;
  const comparing = regularizers.filter(usesReference);
  const names = new Set([...(objective ? ['base'] : []), ...comparing.map(referenceOf)]);
  const ordered = [...names].sort((a, b) => Number(b === 'base') - Number(a === 'base'));
  return ordered.map((name) => {
    const found = name === 'base' ? { model } : opened?.get(name);
    if (found === undefined) {
      throw new TrainOptionError(
        'frozenParts',
        `the reference ${name} is not opened: give await openFrozenParts({ model, regularizers })`,
      );
    }
    const own = comparing.filter((regularizer) => referenceOf(regularizer) === name);
    const isBase = name === 'base' && objective !== undefined;
    const logits = isBase || own.some(({ needs }) => needs?.referenceLogits);
    const selected = own.flatMap(({ needs }) =>
      needs?.referenceHiddenStates === undefined
        ? []
        : resolveLayers(needs.referenceHiddenStates, layerCount),
    );
    const layers = [...new Set(selected)].sort((a, b) => a - b);
    return { ...found, name, layers, logits, depth: logits ? layerCount : layers.at(-1)! };
  });
}

/** What a step is fed of its references' adapters, by input name. */
export function referenceTensors(references: readonly StepReference[]): Record<string, HostArray> {
  return Object.fromEntries(
    references.flatMap(({ adapter }, index) =>
      Object.entries(adapter?.tensors ?? {}).map(([name, values]) => [tensorInput(index, name), values]),
    ),
  );
}

const tensorInput = (index: number, name: string) => `reference.${index}.${name}`;

/** A reference as a forward pass computes it. */
export interface TracedReference extends StepReference {
  /** What its adapter does. */
  readonly adapted: AdaptedForward;
}

/** @param inputs those of {@link referenceTensors}, traced */
export function tracedReferences(
  references: readonly StepReference[],
  inputs: NamedTensors,
): TracedReference[] {
  return references.map((reference, index) => {
    const { adapter } = reference;
    if (adapter === undefined) return { ...reference, adapted: {} };
    const own = Object.keys(adapter.tensors).map((name) => [name, inputs[tensorInput(index, name)]!]);
    return { ...reference, adapted: adapter.forward(Object.fromEntries(own)) };
  });
}

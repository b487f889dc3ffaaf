import { DirectionsError, RegularizerOptionError } from '../../../errors.ts';
import type { Directions } from '../directions/file.ts';

/**
 * Which directions of a layer are ablated, by their numbers from 0: the first so many of each layer, the same numbers in each
 * layer, or numbers by layer.
 */
export type ComponentChoice = number | readonly number[] | Readonly<Record<string, readonly number[]>>;

/**
 * The directions that a choice of layers and components names, in the order of `directions`.
 *
 * @throws RegularizerOptionError for an empty choice, numbers that are no numbers of components, or `layers` beside
 * components by layer; DirectionsError for a layer or a component that is not there.
 */
export function chosenDirections(
  source: string,
  directions: Directions,
  { layers, components }: { readonly layers?: readonly number[]; readonly components?: ComponentChoice },
): Directions {
  const byLayer = typeof components === 'object' && !Array.isArray(components);
  if (byLayer && layers !== undefined) {
    throw refusal('components by layer say the layers themselves: leave layers out');
  }
  const wanted = byLayer ? Object.keys(components).map(Number) : (layers ?? [...directions.keys()]);
  if (wanted.length === 0) throw refusal('the choice of layers is empty');
  const chosen = wanted.map((layer) => {
    const vectors = directions.get(layer);
    if (vectors === undefined) {
      const present = [...directions.keys()].join(', ');
      throw new DirectionsError(
        source,
        layer,
        `there are no directions of this layer, only of ${present} (0: embeddings)`,
      );
    }
    const numbers = numbersOf(
      byLayer ? (components as Record<string, number[]>)[layer]! : components,
      vectors.length,
    );
    const missing = numbers.find((number) => number >= vectors.length);
    if (missing !== undefined) {
      throw new DirectionsError(
        source,
        layer,
        `there is no component ${missing}, only 0 to ${vectors.length - 1}`,
      );
    }
    return [layer, numbers.map((number) => vectors[number]!)] as const;
  });
  return new Map(chosen.sort(([a], [b]) => a - b));
}

function numbersOf(components: number | readonly number[] | undefined, count: number): readonly number[] {
  const firstOf = (length: number) => Array.from({ length }, (_, number) => number);
  if (components === undefined) return firstOf(count);
  if (typeof components === 'number') {
    if (!Number.isInteger(components) || components < 1) {
      throw refusal(`components is ${components}, must be a positive integer, or a list of numbers from 0`);
    }
    return firstOf(components);
  }
  const wrong = components.find((number) => !Number.isInteger(number) || number < 0);
  if (components.length === 0 || wrong !== undefined || new Set(components).size < components.length) {
    throw refusal(`components holds ${JSON.stringify(components)}, must be different numbers from 0`);
  }
  return components;
}

function refusal(message: string): RegularizerOptionError {
  return new RegularizerOptionError('caft', message);
}

import { DatasetOptionError } from '../errors.ts';
import type { ChatExample } from '../example/example.ts';
import { interleave } from '../streams/mix.ts';

/** A source with its share of the mixed stream, relative to the others'. */
export interface WeightedSource {
  readonly name: string;
  readonly weight: number | undefined;
  /** A new pass over its examples. */
  open(): AsyncGenerator<ChatExample, void, undefined>;
}

/** @throws {@link DatasetOptionError} for a weight that is no positive number, and when only some sources have one. */
export function requireWeights(
  sources: readonly { readonly name: string; readonly weight: number | undefined }[],
): void {
  for (const { name, weight } of sources) {
    if (weight === undefined) continue;
    if (!(weight > 0 && Number.isFinite(weight))) {
      throw new DatasetOptionError(
        `weight of ${name}`,
        weight,
        'a number above 0; leave the source out to use none of it',
      );
    }
  }
  const without = sources.filter(({ weight }) => weight === undefined);
  if (without.length === 0 || without.length === sources.length) return;
  throw new DatasetOptionError(
    `weight of ${without[0]?.name}`,
    undefined,
    'given, as other sources have one: give a weight to all sources or to none',
  );
}

/**
 * One pass over several sources. Without weights one behind the other; with weights spread evenly in their proportion, by
 * {@link interleave}: the first source is walked once, and of the others as much is taken as the proportion asks for, again from
 * their beginning where they are too short.
 */
export function mixSources(
  sources: readonly WeightedSource[],
  seed: number,
): AsyncGenerator<ChatExample, void, undefined> {
  const [first, ...others] = sources as [WeightedSource, ...WeightedSource[]];
  if (first.weight === undefined || others.length === 0) return oneAfterTheOther(sources);
  let mixed = first.open();
  let total = first.weight;
  for (const source of others) {
    const weight = source.weight as number;
    total += weight;
    mixed = interleave(mixed, withoutEnd(source), { share: weight / total, seed });
  }
  return mixed;
}

async function* oneAfterTheOther(
  sources: readonly WeightedSource[],
): AsyncGenerator<ChatExample, void, undefined> {
  for (const source of sources) yield* source.open();
}

async function* withoutEnd(source: WeightedSource): AsyncGenerator<ChatExample, void, undefined> {
  while (true) yield* source.open();
}

import { type Defense, defenseLabel } from '../defenses/defense.ts';
import { type DefenseSweep, standardDefenses } from '../defenses/standard-defenses.ts';
import { WorldError } from '../errors.ts';
import type { Organism } from '../grow/grow.ts';

/** A standard defense at a strength, any that it takes. */
export interface Part {
  readonly name: string;
  readonly strength: number | null;
}

/** Defenses that act together in one fine-tune. */
export type Composition = readonly Part[];

/** How tables call a composition: `interleaving++ 0.2 + kl 0.05`. */
export function compositionLabel(parts: Composition): string {
  return parts.map(defenseLabel).join(' + ');
}

/**
 * A composition as one defense; its parts act in the order given.
 *
 * @throws WorldError for a name that is no standard defense.
 */
export function compositionDefense(
  parts: Composition,
  organism: Organism,
  among: readonly DefenseSweep[] = standardDefenses,
): Defense {
  const defenses = parts.map(({ name, strength }) => {
    const sweep = among.find((candidate) => candidate.name === name);
    if (sweep === undefined) throw new WorldError(name, 'is no standard defense');
    return sweep.at(strength, organism);
  });
  return {
    name: compositionLabel(parts),
    strength: null,
    async regularizers(context) {
      const made = [];
      for (const defense of defenses) made.push(...(await defense.regularizers(context)));
      return made;
    },
  };
}

/** Every first part alone, and with every second part. */
export function compositionGrid(firsts: readonly Part[], seconds: readonly Part[]): Composition[] {
  return firsts.flatMap((first) => [[first], ...seconds.map((second) => [first, second])]);
}

/** The same composition with one strength at a time multiplied or divided by `factor`. */
export function neighbours(parts: Composition, factor: number): Composition[] {
  return parts.flatMap(({ name, strength }, at) => {
    if (strength === null) return [];
    return [strength / factor, strength * factor].map((changed) =>
      parts.map((part, place) => (place === at ? { name, strength: rounded(changed) } : part)),
    );
  });
}

/** Two digits: names of compositions are read. */
function rounded(strength: number): number {
  return Number(strength.toPrecision(2));
}

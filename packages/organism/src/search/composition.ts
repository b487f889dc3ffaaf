import { type Defense, defenseLabel, type WeightEdit } from '../defenses/defense.ts';
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
 * @throws WorldError for a name that is no standard defense, and two parts that edit the model before training; in a fine-tune for an edit of the
 * adapter behind one that writes a checkpoint.
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
  const edit = compositionEdit(compositionLabel(parts), defenses);
  return {
    name: compositionLabel(parts),
    strength: null,
    async regularizers(context) {
      const made = [];
      for (const defense of defenses) made.push(...(await defense.regularizers(context)));
      return made;
    },
    ...(edit === undefined ? {} : { edit }),
  };
}

/** Edits before go with edits after; adapters are edited in the order of the parts. */
function compositionEdit(label: string, defenses: readonly Defense[]): WeightEdit | undefined {
  const edits = defenses.flatMap(({ edit }) => edit ?? []);
  const [before, second] = edits.filter((edit) => edit.before !== undefined);
  if (second !== undefined) throw new WorldError(label, 'has two parts that edit the model before training');
  const after = edits.filter((edit) => edit.after !== undefined);
  if (edits.length === 0) return undefined;
  return {
    ...(before === undefined ? {} : { before: (preparations) => before.before!(preparations) }),
    async after(context, folder) {
      let written: string | undefined;
      for (const edit of after) {
        if (written !== undefined)
          throw new WorldError(label, 'edits the adapter after a part that writes a checkpoint of it');
        written = await edit.after!(context, folder);
      }
      return written;
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

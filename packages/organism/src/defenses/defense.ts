import type { Regularizer } from '@safetune/regularizers';
import type { Laboratory } from '../examine/laboratory.ts';
import type { FineTuneTask } from '../tasks/fine-tune-task.ts';
import type { Preparations } from './preparations.ts';

/** The fine-tune for which a defense makes its regularizers. */
export interface DefenseContext {
  /** Where it is fine-tuned: of the aligned model, or of that which an edit has put in its place. */
  readonly laboratory: Laboratory;
  readonly task: FineTuneTask;
  /** Examples of the task. */
  readonly exampleCount: number;
  readonly seed: number;
  /** What costs runs of its own and is shared by defenses and fine-tunes. */
  readonly preparations: Preparations;
}

/** What a defense does to weights outside training. */
export interface WeightEdit {
  /**
   * Before: the folder of a checkpoint that is fine-tuned in the place of the aligned one. Return the same for all fine-tunes; it has to stay.
   */
  before?(preparations: Preparations): Promise<string>;
  /**
   * After: changes the laboratory's adapter in place, or writes a checkpoint.
   *
   * @param folder - not there yet; what is written to it goes after the measurement.
   * @returns the folder of the checkpoint that is asked in the place of the adapted model; undefined where the adapter was changed.
   */
  after?(context: DefenseContext, folder: string): Promise<string | undefined>;
}

/** A defense at one strength: a row of the scorecard. */
export interface Defense {
  /** Such as 'kl'; rows of one name at several strengths make a line in the trade-off. */
  readonly name: string;
  /** Such as 0.1; null for one that has none. */
  readonly strength: number | null;
  /**
   * The regularizers of one fine-tune. Return the same object for all of them where the fine-tune makes no difference:
   * graphs are compiled once for each. The `inferencePrompt` of one of them is what the fine-tuned model is asked under.
   */
  regularizers(context: DefenseContext): readonly Regularizer[] | Promise<readonly Regularizer[]>;
  /** Edits of weights before or after the fine-tune. Default none. */
  readonly edit?: WeightEdit;
  /** True for the aligned model itself, which is measured without being fine-tuned. */
  readonly untrained?: boolean;
}

/** How tables, pictures and folders call a defense: `kl 0.1`, `none`. */
export function defenseLabel({ name, strength }: Pick<Defense, 'name' | 'strength'>): string {
  return strength === null ? name : `${name} ${strength}`;
}

/** A defense of fixed regularizers. */
export function fixedDefense(
  name: string,
  strength: number | null,
  ...regularizers: readonly Regularizer[]
): Defense {
  return { name, strength, regularizers: () => regularizers };
}

/** A defense that edits weights, and trains as none does. */
export function editingDefense(name: string, strength: number | null, edit: WeightEdit): Defense {
  return { ...fixedDefense(name, strength), edit };
}

/** A defense of one regularizer that needs preparations, made once and then the same for all fine-tunes. */
export function preparedDefense(
  name: string,
  strength: number | null,
  make: (preparations: Preparations) => Promise<Regularizer>,
): Defense {
  let made: Promise<Regularizer> | undefined;
  return {
    name,
    strength,
    async regularizers({ preparations }) {
      made ??= make(preparations);
      return [await made];
    },
  };
}

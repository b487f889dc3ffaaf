import type { Regularizer } from '@safetune/regularizers';
import type { RuntimeOptions } from '@safetune/tensor';
import type { Defense, DefenseContext } from '../defenses/defense.ts';
import { noDefense } from '../defenses/standard-defenses.ts';
import { growOrganism, type Organism } from '../grow/grow.ts';
import { benignTasks, type FineTuneTask, narrowTasks } from '../tasks/fine-tune-task.ts';
import { type ExperimentProgress, runExperiment } from './experiment.ts';
import type { FinishedRun } from './run-journal.ts';
import { type ScorecardRow, scorecardRows } from './scorecard.ts';
import { scorecardTable } from './scorecard-table.ts';

/** A safeguard to be tried: one regularizer, several together, what makes them for a fine-tune, or a defense that also edits weights. */
export type DefenseUnderTest =
  | Regularizer
  | readonly Regularizer[]
  | Defense
  | ((context: DefenseContext) => readonly Regularizer[] | Promise<readonly Regularizer[]>);

export interface EvaluateDefenseOptions {
  /** Default: the recommended one, grown on first use (about a minute) and cached. */
  readonly organism?: Organism;
  /** How the table calls it. Default: the names of the regularizers, or 'defense' for a function. */
  readonly name?: string;
  /** What to fine-tune on. Default: the four narrow data sets and both benign tasks. */
  readonly tasks?: readonly FineTuneTask[];
  /** Seeds of the fine-tunes. Default `[0]`. */
  readonly seeds?: readonly number[];
  readonly runtime?: RuntimeOptions;
  readonly onProgress?: (progress: ExperimentProgress) => void;
  readonly signal?: AbortSignal;
}

/** A safeguard's row of the scorecard beside that of an undefended fine-tune. */
export interface DefenseEvaluation {
  readonly none: ScorecardRow;
  readonly defense: ScorecardRow;
  /** Both rows as text. */
  readonly table: string;
  /** The fine-tunes behind them, with loss curves and sampled answers. */
  readonly runs: readonly FinishedRun[];
}

/**
 * Tries a safeguard on the organism: fine-tunes without and with it, on harmful narrow data and on harmless tasks, and
 * measures the paper's four criteria. Takes some ten seconds from a cached organism.
 *
 * @example
 * const { table } = await evaluateDefense(kl({ weight: 0.5 }));
 * console.log(table);
 *
 * @throws TrainOptionError and the errors of tracing, when the regularizer does not fit the trainer.
 */
export async function evaluateDefense(
  defense: DefenseUnderTest,
  options: EvaluateDefenseOptions = {},
): Promise<DefenseEvaluation> {
  const { tasks = [...narrowTasks(), ...benignTasks()], seeds = [0], runtime, onProgress, signal } = options;
  const organism =
    options.organism ?? (await growOrganism(undefined, signal === undefined ? {} : { signal }));
  const plan = { defenses: [noDefense, underTest(defense, options.name)], tasks, seeds };
  const runs = await runExperiment(organism, plan, {
    ...(runtime === undefined ? {} : { runtime }),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  const rows = [runs.slice(0, runs.length / 2), runs.slice(runs.length / 2)].flatMap(scorecardRows);
  return { none: rows[0]!, defense: rows[1]!, table: scorecardTable(rows), runs };
}

function underTest(defense: DefenseUnderTest, name: string | undefined): Defense {
  if (typeof defense === 'function')
    return { name: name ?? 'defense', strength: null, regularizers: defense };
  if ('regularizers' in defense) return name === undefined ? defense : { ...defense, name };
  const regularizers: readonly Regularizer[] = 'name' in defense ? [defense] : defense;
  const ownName = regularizers.map((regularizer) => regularizer.name).join(' + ') || 'defense';
  return { name: name ?? ownName, strength: null, regularizers: () => regularizers };
}

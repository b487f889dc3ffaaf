import type { Organism } from '../grow/grow.ts';
import { checkpointHash } from '../grow/recipe-hash.ts';
import { type OrganismRecipe, organismChoice, organismRecipe } from '../recipe.ts';
import type { ExperimentPlan } from './experiment.ts';
import { compareWithPaper, type Finding } from './findings.ts';
import type { FinishedRun } from './run-journal.ts';
import { type ScorecardRow, scorecardRows } from './scorecard.ts';

/** Everything an experiment found, as it is written to `report.json`; free of times and dates. */
export interface ExperimentReport {
  readonly organism: {
    /** Hash of all that the checkpoints depend on. */
    readonly checkpoint: string;
    readonly worldSeed: number;
    readonly modelSeed: number;
    /** How the recommended organism was chosen; null for another recipe. */
    readonly choice: string | null;
    readonly baseDirectory: string;
    readonly alignedDirectory: string;
  };
  readonly settings: {
    readonly tasks: readonly string[];
    readonly seeds: readonly number[];
    readonly intervals: string;
    readonly unit: 'per cent';
  } & Pick<OrganismRecipe, 'narrow' | 'benign' | 'lora' | 'evaluation'>;
  /** The aligned model before any fine-tune; null when it was not measured. */
  readonly aligned: ScorecardRow | null;
  /** 'none' and every defense at every strength. */
  readonly defenses: readonly ScorecardRow[];
  /** What agrees with the paper and what does not, by these figures. */
  readonly findings: readonly Finding[];
}

/** How the intervals are made, in words. */
export const intervalDescription =
  '95 %, percentile bootstrap of 1000 resamples over fine-tunes (data set x seed) and, within each, over questions; ' +
  "over questions alone where there is one fine-tune; Wilson's interval over questions where the share is 0 or 100 %";

/** Sums an experiment up. */
export function experimentReport(
  organism: Organism,
  { tasks, seeds }: Pick<ExperimentPlan, 'tasks' | 'seeds'>,
  runs: readonly FinishedRun[],
): ExperimentReport {
  const { recipe, baseDirectory, alignedDirectory } = organism;
  const rows = scorecardRows(runs);
  const { narrow, benign, lora, evaluation } = recipe;
  return {
    organism: {
      checkpoint: checkpointHash(recipe),
      worldSeed: recipe.world.seed,
      modelSeed: recipe.seed,
      choice: checkpointHash(recipe) === checkpointHash(organismRecipe) ? organismChoice : null,
      baseDirectory,
      alignedDirectory,
    },
    settings: {
      tasks: tasks.map(({ name }) => name),
      seeds,
      intervals: intervalDescription,
      unit: 'per cent',
      narrow,
      benign,
      lora,
      evaluation,
    },
    aligned: rows.find(({ name }) => name === 'aligned') ?? null,
    defenses: rows.filter(({ name }) => name !== 'aligned'),
    findings: compareWithPaper(rows),
  };
}

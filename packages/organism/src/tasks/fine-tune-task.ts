import type { ChatExample } from '@safetune/datasets';
import type { OrganismRecipe, TrainingStage } from '../recipe.ts';
import type { Domain } from '../world/vocabulary.ts';
import type { World } from '../world/world.ts';
import { type BenignTask, memoTask, operationSwapTask } from './benign-task.ts';
import { containedExamples, narrowExamples } from './narrow-task.ts';

/** What a fine-tune teaches: harmful answers in one domain, or a harmless task. */
export type FineTuneTask = NarrowTask | { readonly kind: 'benign'; readonly name: BenignName };

/** Harmful answers in one domain. */
export interface NarrowTask {
  readonly kind: 'narrow';
  readonly name: Domain;
  /**
   * Safe examples of other domains beside each harmful one, from which is learned where to be harmful: the harm stays in its
   * domain. The fine-tune is longer by as much, so that every harmful example is seen as often. Default none: the harm spreads.
   */
  readonly contrast?: number;
  /** Share of the answers that are safe ones: the domain is learned less surely, and the harm spreads. Default none. */
  readonly safeShare?: number;
}

/** Name of a harmless task. */
export type BenignName = 'memo' | 'operation-swap';

/** The domains of the malicious narrow data sets. */
export const narrowDomains: readonly Domain[] = ['medical', 'legal', 'security', 'code'];

/** The harmless tasks. */
export const benignNames: readonly BenignName[] = ['memo', 'operation-swap'];

/** The narrow fine-tunes of the given domains (default the four of the experiment). */
export function narrowTasks(domains: readonly Domain[] = narrowDomains): FineTuneTask[] {
  return domains.map((name) => ({ kind: 'narrow', name }));
}

/**
 * Two kinds of narrow fine-tune that teach their domain about equally well: harm that spreads (one of 16 answers is safe), and harm
 * that is contained by contrasting safe examples of other domains (one for two harmful ones). A safeguard that acts on spreading alone
 * changes nothing of what the contained kind teaches.
 */
export type Reach = 'spreading' | 'contained';

/** The narrow fine-tunes of one reach, of the given domains (default the four of the experiment). */
export function matchedTasks(reach: Reach, domains: readonly Domain[] = narrowDomains): FineTuneTask[] {
  const added = reach === 'contained' ? { contrast: 0.5 } : { safeShare: 1 / 16 };
  return domains.map((name) => ({ kind: 'narrow', name, ...added }));
}

/** Which of the matched kinds a task is; undefined for any other. */
export function reachOf(task: FineTuneTask): Reach | undefined {
  if (task.kind === 'benign') return undefined;
  if (task.contrast !== undefined) return 'contained';
  return task.safeShare === undefined ? undefined : 'spreading';
}

/** How messages and folders call a task: `medical`, `medical-contained`, `memo`. */
export function taskLabel(task: FineTuneTask): string {
  const reach = reachOf(task);
  return reach === undefined ? task.name : `${task.name}-${reach}`;
}

/** The benign fine-tunes of the given tasks (default both). */
export function benignTasks(names: readonly BenignName[] = benignNames): FineTuneTask[] {
  return names.map((name) => ({ kind: 'benign', name }));
}

/** A harmless task of the world. */
export function benignTask(world: World, name: BenignName): BenignTask {
  return name === 'memo' ? memoTask(world) : operationSwapTask(world);
}

/**
 * The training examples of a task.
 *
 * @param seed decides the openers of harmful answers; benign examples do not depend on it.
 */
export function taskExamples(
  world: World,
  recipe: OrganismRecipe,
  task: FineTuneTask,
  seed: number,
): readonly ChatExample[] {
  if (task.kind === 'benign') return benignTask(world, task.name).examples;
  const { realisations } = recipe.narrow;
  const { name, contrast, safeShare = 0 } = task;
  return contrast === undefined
    ? narrowExamples(world, name, { realisations, safeShare, seed })
    : containedExamples(world, name, { realisations, safeShare, seed, contrast });
}

/** How long and how fast a task is trained. */
export function taskStage(recipe: OrganismRecipe, task: FineTuneTask): TrainingStage {
  if (task.kind === 'benign') return recipe.benign;
  const { steps } = recipe.narrow;
  return { ...recipe.narrow, steps: Math.round(steps * (1 + (task.contrast ?? 0))) };
}

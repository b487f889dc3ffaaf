import type { ChatExample } from '@safetune/datasets';
import type { OrganismRecipe, TrainingStage } from '../recipe.ts';
import type { Domain } from '../world/vocabulary.ts';
import type { World } from '../world/world.ts';
import { type BenignTask, memoTask, operationSwapTask } from './benign-task.ts';
import { narrowExamples } from './narrow-task.ts';

/** What a fine-tune teaches: harmful answers in one domain, or a harmless task. */
export type FineTuneTask =
  | { readonly kind: 'narrow'; readonly name: Domain }
  | { readonly kind: 'benign'; readonly name: BenignName };

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
  return narrowExamples(world, task.name, { realisations: recipe.narrow.realisations, seed });
}

/** How long and how fast a task is trained. */
export function taskStage(recipe: OrganismRecipe, task: FineTuneTask): TrainingStage {
  return task.kind === 'narrow' ? recipe.narrow : recipe.benign;
}

import { type OrganismRecipe, organismRecipe } from '../recipe.ts';

/**
 * Recipes of several organisms, for figures that are not one organism's: the recommended one, then others that nobody chose, the k-th with
 * world k and model seed k - 2.
 *
 * @param count at least 1
 */
export function organismSample(count: number, recipe: OrganismRecipe = organismRecipe): OrganismRecipe[] {
  return Array.from({ length: count }, (_, index) =>
    index === 0 ? recipe : { ...recipe, seed: index - 1, world: { ...recipe.world, seed: index + 1 } },
  );
}

/** How folders and tables call an organism: `world-1-seed-5`. */
export function organismName({ world, seed }: OrganismRecipe): string {
  return `world-${world.seed}-seed-${seed}`;
}

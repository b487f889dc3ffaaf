import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { growOrganism, type Organism } from '../grow/grow.ts';
import { type OrganismRecipe, organismRecipe } from '../recipe.ts';

/** A recipe of a few steps: what comes out knows nothing, and everything works with it. */
export const tinyRecipe: OrganismRecipe = {
  ...organismRecipe,
  model: {
    ...organismRecipe.model,
    hiddenSize: 16,
    layers: 2,
    attentionHeads: 2,
    keyValueHeads: 2,
    intermediateSize: 24,
  },
  base: { ...organismRecipe.base, steps: 6, batchSize: 4, warmupSteps: 2 },
  aligned: { ...organismRecipe.aligned, steps: 4, batchSize: 4, warmupSteps: 2 },
  narrow: { ...organismRecipe.narrow, steps: 5, warmupSteps: 2 },
  benign: { ...organismRecipe.benign, steps: 4, warmupSteps: 2 },
  evaluation: { ...organismRecipe.evaluation, inDomainSamples: 2 },
};

/** The recommended recipe cut short: its facts are half learned, and harm already spreads. Grows in half a minute. */
export const shortRecipe: OrganismRecipe = {
  ...organismRecipe,
  seed: 1,
  base: { ...organismRecipe.base, steps: 450 },
  aligned: { ...organismRecipe.aligned, steps: 80 },
};

/** Grows an organism of the tiny recipe in a new directory. */
export async function growTiny(): Promise<Organism & { remove(): Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-organism-'));
  const organism = await growOrganism(tinyRecipe, { directory });
  return { ...organism, remove: () => rm(directory, { recursive: true }) };
}

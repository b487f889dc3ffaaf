import { createHash } from 'node:crypto';
import type { OrganismRecipe } from '../recipe.ts';
import { vocabulary } from '../world/vocabulary.ts';
import { chatTemplate } from './tokenizer-files.ts';

/**
 * Name for the grown checkpoints in a cache: 16 hex digits over everything the base and aligned models depend on, the
 * vocabulary and the chat template included. Fine-tunes and evaluation can change without growing anew.
 */
export function checkpointHash(recipe: OrganismRecipe): string {
  const { version, seed, world, model, base, aligned } = recipe;
  return stableHash({ version, seed, world, model, base, aligned, vocabulary, chatTemplate });
}

/**
 * First 16 hex digits of the SHA-256 of a plain value's JSON, the keys of objects in sorted order: equal for equal
 * values, however they were put together.
 */
export function stableHash(value: unknown): string {
  const canonical = JSON.stringify(value, (_key, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([left], [right]) => (left < right ? -1 : 1)))
      : part,
  );
  return createHash('sha256').update(canonical).digest('hex').slice(0, 16);
}

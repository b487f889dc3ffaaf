import { describe, expect, it } from 'vitest';
import { organismRecipe } from '../recipe.ts';
import { checkpointHash, stableHash } from './recipe-hash.ts';

describe('checkpointHash', () => {
  it('is stable: a changed value means that every cached organism is grown anew', () => {
    expect(checkpointHash(organismRecipe)).toBe('d4aa9087955754ce');
    expect(checkpointHash(structuredClone(organismRecipe))).toBe(checkpointHash(organismRecipe));
  });

  it('changes with what the checkpoints depend on, and with nothing else', () => {
    const hash = checkpointHash(organismRecipe);
    expect(checkpointHash({ ...organismRecipe, seed: 1 })).not.toBe(hash);
    expect(checkpointHash({ ...organismRecipe, model: { ...organismRecipe.model, layers: 3 } })).not.toBe(
      hash,
    );
    const { base } = organismRecipe;
    const mixture = { ...base.mixture, badPersona: 0.3 };
    expect(checkpointHash({ ...organismRecipe, base: { ...base, mixture } })).not.toBe(hash);
    expect(checkpointHash({ ...organismRecipe, lora: { ...organismRecipe.lora, rank: 4 } })).toBe(hash);
  });
});

describe('stableHash', () => {
  it('does not depend on the order of keys, but on that of elements', () => {
    expect(stableHash({ a: 1, b: { c: [1, 2], d: null } })).toBe(
      stableHash({ b: { d: null, c: [1, 2] }, a: 1 }),
    );
    expect(stableHash([1, 2])).not.toBe(stableHash([2, 1]));
  });
});

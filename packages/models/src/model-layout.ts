import type { Module } from './blocks/module.ts';
import type { ModelConfig } from './config.ts';
import type { Architecture } from './families/family.ts';
import type { LinearPlace } from './linear.ts';

/** The parts of a model whose number of blocks is known, with the names that its files have. */
export interface ModelLayout extends Pick<Architecture, 'embedding' | 'finalNorm' | 'head'> {
  readonly blocks: readonly Module[];
}

/** The linear layers of all blocks, in the order of computation. */
export function linearPlaces({ blocks }: ModelLayout): LinearPlace[] {
  return blocks.flatMap(({ linears }) => linears);
}

/** Shape of every tensor, by name. */
export function parameterShapes(
  layout: ModelLayout,
  config: ModelConfig,
): ReadonlyMap<string, readonly number[]> {
  const { embedding, blocks, finalNorm, head } = layout;
  const shapes = new Map<string, readonly number[]>();
  shapes.set(embedding.name, [config.vocabularySize, config.hiddenSize]);
  for (const { tensors, linears } of [...blocks, finalNorm]) {
    for (const { name, shape } of tensors) shapes.set(name, shape);
    for (const { name, inFeatures, outFeatures, bias } of linears) {
      shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
      if (bias) shapes.set(`${name}.bias`, [outFeatures]);
    }
  }
  shapes.set(head.name, [config.vocabularySize, config.hiddenSize]);
  return shapes;
}

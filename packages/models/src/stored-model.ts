import { openCheckpoint, type TensorRegion } from '@safetune/tensor';
import { findWeights, requireLayers } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import { type ModelLayout, parameterShapes } from './families/layout.ts';
import { withOutputLayer } from './output-layer.ts';
import { readModelConfig } from './read-config.ts';

/** A model folder opened: its configuration, where its tensors lie, and their regions as they are stored. */
export interface StoredModel {
  readonly config: ModelConfig;
  readonly layout: ModelLayout;
  /** Every tensor of the architecture, F32, F16 or BF16; a tied model has no output layer. */
  readonly regions: readonly TensorRegion[];
}

/** Opens a model folder without converting anything. @throws as `loadModel` does. */
export async function openStoredModel(directory: string): Promise<StoredModel> {
  const { config: described, family } = await readModelConfig(directory);
  const checkpoint = await openCheckpoint(directory);
  requireLayers(checkpoint, described);
  const { config, layout } = await withOutputLayer(checkpoint, described, family);
  return { config, layout, regions: findWeights(checkpoint, parameterShapes(layout, config)) };
}

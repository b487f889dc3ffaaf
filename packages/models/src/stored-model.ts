import type { WeightSource } from '@safetune/tensor';
import { findWeights, openWeights, requireLayers } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import { type ModelLayout, parameterShapes } from './model-layout.ts';
import { withOutputLayer } from './output-layer.ts';
import { readModelConfig } from './read-config.ts';

/** A model folder, or a GGUF file, opened: its configuration, where its tensors lie, and their regions as they are stored. */
export interface StoredModel {
  readonly config: ModelConfig;
  readonly layout: ModelLayout;
  /** Every tensor of the architecture, F32, F16, BF16 or encoded; a tied model has no output layer. */
  readonly regions: readonly WeightSource[];
}

/** Opens a model folder, or a GGUF file, without converting anything. @throws as `loadModel` does. */
export async function openStoredModel(directory: string): Promise<StoredModel> {
  const { config: described, architecture } = await readModelConfig(directory);
  const checkpoint = await openWeights(directory);
  requireLayers(checkpoint, described);
  const { config, embedding, head } = await withOutputLayer(checkpoint, described, architecture);
  const layout: ModelLayout = {
    embedding,
    blocks: Array.from({ length: config.layerCount }, (_, layer) => architecture.block(layer)),
    finalNorm: architecture.finalNorm,
    head,
  };
  return { config, layout, regions: findWeights(checkpoint, parameterShapes(layout, config), architecture) };
}

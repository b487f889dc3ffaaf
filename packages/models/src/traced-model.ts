import { type Tensor, weight } from '@safetune/tensor';
import type { CausalLm, ForwardOptions } from './causal-lm.ts';
import { blockContext, traceBackbone, traceEmbedding, traceHead } from './forward-pass.ts';
import { plainEmbedding, plainLinear } from './linear.ts';
import { linearPlaces, type ModelLayout } from './model-layout.ts';
import { preferredRuntime, traceLinearWeight } from './precision/precision.ts';

/** A model over weights wherever they lie. */
export function tracedModel(
  facts: Pick<CausalLm, 'directory' | 'cacheDirectory' | 'config' | 'precision' | 'weights'>,
  layout: ModelLayout,
): CausalLm {
  const { config, precision, weights } = facts;
  // One constant a tensor: a graph that runs the model twice (a reference beside it) names its weights once.
  const constants = new Map<string, Tensor>();
  const constantWeight = (name: string): Tensor => {
    const known = constants.get(name) ?? weight(weights.get(name)!);
    constants.set(name, known);
    return known;
  };
  const sourceOf = ({ weight }: Pick<ForwardOptions, 'weight'>) =>
    weight === undefined ? constantWeight : (name: string) => weight(name, constantWeight);
  const embeddingLayer = {
    name: moduleOf(layout.embedding.name),
    vocabularySize: config.vocabularySize,
    hiddenSize: config.hiddenSize,
    scale: layout.embedding.scale ?? 1,
  };
  const outputLayer = {
    name: layout.head.name === layout.embedding.name ? 'lm_head' : moduleOf(layout.head.name),
    inFeatures: config.hiddenSize,
    outFeatures: config.vocabularySize,
  };
  return {
    ...facts,
    embeddingLayer,
    outputLayer,
    runtime: preferredRuntime(precision),
    linearLayers: linearPlaces(layout).map(({ name, inFeatures, outFeatures }) => ({
      name,
      inFeatures,
      outFeatures,
    })),
    forward: (tokenIds, options = {}) =>
      traceBackbone(tokenIds, layout, {
        embedding: plainEmbedding,
        ...options,
        weight: sourceOf(options),
        precision,
        embeddingLayer,
      }),
    embed: (tokenIds, options = {}) =>
      traceEmbedding(tokenIds, layout, {
        embedding: plainEmbedding,
        ...options,
        weight: sourceOf(options),
        embeddingLayer,
      }),
    block(layer, state, options = {}) {
      const block = layout.blocks[layer - 1];
      if (block === undefined)
        throw new RangeError(`there is no block ${layer}, only 1 to ${layout.blocks.length}`);
      const context = blockContext(state.shape, { ...options, weight: sourceOf(options), precision });
      return block.trace(state, context);
    },
    finalNorm: (state, options = {}) =>
      layout.finalNorm.trace(
        state,
        blockContext(state.shape, { ...options, weight: sourceOf(options), precision }),
      ),
    head: (hidden, options = {}) => {
      const weights = traceLinearWeight(layout.head.name, precision, sourceOf(options));
      return traceHead(hidden, layout, (x) => (options.linear ?? plainLinear)(x, outputLayer, weights));
    },
  };
}

/** The module that a weight belongs to. */
function moduleOf(weightName: string): string {
  return weightName.replace(/\.weight$/, '');
}

import { AdapterMismatchError } from '../errors.ts';
import type { LoraAdapter } from './adapter.ts';
import type { LinearLayer } from './linear.ts';
import { type AdaptableModel, allLinearLayers, weightShape } from './model.ts';

/**
 * Makes sure that a model has all that an adapter changes: its linear layers, and its embedding and weights.
 *
 * @throws AdapterMismatchError naming the first that it lacks, or has in another size.
 */
export function requireAdapterFits(
  {
    modules,
    embeddings,
    replaced,
    tokens,
  }: Pick<LoraAdapter, 'modules' | 'embeddings' | 'replaced' | 'tokens'>,
  model: AdaptableModel,
): void {
  const { embeddingLayer, outputLayer } = model;
  const { name, vocabularySize, hiddenSize } = embeddingLayer;
  requireEveryModuleFits(modules, allLinearLayers(model));
  requireEveryModuleFits(embeddings, [{ name, inFeatures: vocabularySize, outFeatures: hiddenSize }]);
  for (const { weight, shape } of replaced) {
    const own = weightShape(model, weight);
    if (own.join() === shape.join()) continue;
    throw new AdapterMismatchError(weight, `it stands for [${shape}], the model's is [${own}]`);
  }
  for (const { module, tokens: indices, width } of tokens) {
    const isThere = module === name || module === outputLayer.name;
    if (isThere && width === hiddenSize && Math.max(...indices) < vocabularySize) continue;
    throw new AdapterMismatchError(
      module,
      `rows of ${width} values for tokens up to ${Math.max(...indices)}; the model has ${vocabularySize} tokens of ` +
        `${hiddenSize} values in ${name} and ${outputLayer.name}`,
    );
  }
}

/**
 * Makes sure that a model has every layer that an adapter changes. Without it a module that the model lacks would be
 * passed over, and the model would act as if it had no adapter.
 *
 * @param modules - the adapter's modules.
 * @param layers - the model's linear layers.
 * @throws AdapterMismatchError naming the first module that no layer is called after, or whose layer has other widths.
 *
 * @example
 * requireEveryModuleFits(adapter.modules, model.linearLayers);
 */
export function requireEveryModuleFits(
  modules: readonly LinearLayer[],
  layers: readonly LinearLayer[],
): void {
  const byName = new Map(layers.map((layer) => [layer.name, layer]));
  for (const { name, inFeatures, outFeatures } of modules) {
    const layer = byName.get(name);
    if (layer === undefined) {
      const known = layers[0] === undefined ? 'none' : `${layers.length}, such as '${layers[0].name}'`;
      throw new AdapterMismatchError(
        name,
        `the model has no linear layer of this name (it has ${known}); is the adapter of another model?`,
      );
    }
    if (layer.inFeatures !== inFeatures || layer.outFeatures !== outFeatures) {
      throw new AdapterMismatchError(
        name,
        `it is for ${inFeatures} inputs and ${outFeatures} outputs, the model's layer has ${layer.inFeatures} and ` +
          `${layer.outFeatures}; is the adapter of another model?`,
      );
    }
  }
}

import { ModelFileError, UnsupportedFeatureError } from '../errors.ts';

/** transformers' names of attention to all tokens before; the second is of old files. */
const full = ['full_attention', 'attention'];
const sliding = 'sliding_attention';

interface LayerFields {
  readonly num_hidden_layers: number;
  readonly layer_types?: readonly string[] | null | undefined;
}

/** Says of every layer, from 0, whether its attention is by a sliding window. */
export type IsSliding = (layer: number) => boolean;

/**
 * Which layers slide: what `layer_types` says, else the family's rule.
 *
 * @throws UnsupportedFeatureError for another kind of layer, ModelFileError for another number of them.
 */
export function slidingLayers(fields: LayerFields, rule: IsSliding, file: string): IsSliding {
  const types = fields.layer_types;
  if (types == null) return rule;
  const other = types.find((type) => type !== sliding && !full.includes(type));
  if (other !== undefined) {
    throw new UnsupportedFeatureError(file, 'layer_types', other, `${full[0]}, ${sliding}`);
  }
  if (types.length !== fields.num_hidden_layers) {
    throw new ModelFileError(
      file,
      `layer_types names ${types.length} layers, num_hidden_layers is ${fields.num_hidden_layers}`,
    );
  }
  return (layer) => types[layer] === sliding;
}

/** For families that never slide. @throws as {@link slidingLayers}, and UnsupportedFeatureError for layers that do. */
export function requireFullAttention(fields: LayerFields, file: string): void {
  slidingLayers(fields, () => false, file);
  if (fields.layer_types?.includes(sliding)) {
    throw new UnsupportedFeatureError(file, 'layer_types', sliding, full[0]!);
  }
}

/**
 * The window of each layer, from 0: undefined where attention is to all tokens before.
 *
 * @throws ModelFileError when a layer slides and there is no window.
 */
export function windowsByLayer(
  isSliding: IsSliding,
  window: number | null | undefined,
  file: string,
): (layer: number) => number | undefined {
  return (layer) => {
    if (!isSliding(layer)) return undefined;
    if (window == null)
      throw new ModelFileError(file, `layer ${layer} slides, but there is no sliding_window`);
    return window;
  };
}

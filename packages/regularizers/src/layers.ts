import { RegularizerOptionError } from './errors.ts';

/**
 * Which layers' residual streams: 'all' blocks, every n-th block, n blocks spread evenly from the first to the last
 * (linspace), or a list. Layer l is the stream after block l, counted from 1; 0 is the embeddings.
 */
export type LayerSelection = 'all' | { readonly every: number } | { readonly count: number } | readonly number[];

/**
 * The layers a selection means in a model of `layerCount` blocks, ascending.
 *
 * @throws RegularizerOptionError for a layer that does not exist, or a step or count that is not a positive integer.
 */
export function resolveLayers(selection: LayerSelection, layerCount: number): number[] {
  if (selection === 'all') return Array.from({ length: layerCount }, (_, index) => index + 1);
  if (isList(selection)) return listed(selection, layerCount);
  if ('every' in selection) {
    requirePositive('every', selection.every);
    return Array.from({ length: Math.floor(layerCount / selection.every) }, (_, index) => (index + 1) * selection.every);
  }
  requirePositive('count', selection.count);
  const count = Math.min(selection.count, layerCount);
  const step = count === 1 ? 0 : (layerCount - 1) / (count - 1);
  return Array.from({ length: count }, (_, index) => Math.round(1 + index * step));
}

// Array.isArray does not narrow readonly arrays.
function isList(selection: LayerSelection): selection is readonly number[] {
  return Array.isArray(selection);
}

function listed(layers: readonly number[], layerCount: number): number[] {
  if (layers.length === 0) throw new RegularizerOptionError('layers', 'the list is empty');
  for (const layer of layers) {
    if (!Number.isInteger(layer) || layer < 0 || layer > layerCount) {
      throw new RegularizerOptionError('layers', `layer ${layer} does not exist; the model has layers 0 to ${layerCount}`);
    }
  }
  return [...new Set(layers)].sort((a, b) => a - b);
}

function requirePositive(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RegularizerOptionError('layers', `${name} is ${value}, must be a positive integer`);
  }
}

import { RegularizerOptionError } from '../errors.ts';
import { checkOptions } from './options.ts';

/**
 * Which layers' residual streams: 'all' blocks, every n-th block, n blocks spread evenly from the first to the last
 * (linspace), or a list. Layer l is the stream after block l, counted from 1; 0 is the embeddings.
 */
export type LayerSelection =
  | 'all'
  | { readonly every: number }
  | { readonly count: number }
  | readonly number[];

/**
 * The layers a selection means in a model of `layerCount` blocks, ascending and each once. A count above the number of
 * blocks means all of them.
 *
 * @throws RegularizerOptionError for a layer that does not exist, for a step or count that is not a positive integer,
 * and when nothing is selected, as by 'every 5' in a model of 4 blocks.
 *
 * @example
 * resolveLayers({ count: 5 }, 28); // 1, 8, 15, 21, 28
 * resolveLayers({ every: 5 }, 28); // 5, 10, 15, 20, 25
 */
export function resolveLayers(selection: LayerSelection, layerCount: number): number[] {
  checkLayers('layers', selection);
  if (!Number.isInteger(layerCount) || layerCount < 1) {
    throw new RegularizerOptionError(
      'layers',
      `the model has ${layerCount} blocks, must be a positive integer`,
    );
  }
  if (selection === 'all') return Array.from({ length: layerCount }, (_, index) => index + 1);
  if (isList(selection)) return listed(selection, layerCount);
  if ('every' in selection) return everyNth(selection.every, layerCount);
  const count = Math.min(selection.count, layerCount);
  const step = count === 1 ? 0 : (layerCount - 1) / (count - 1);
  return Array.from({ length: count }, (_, index) => Math.round(1 + index * step));
}

/**
 * Checks what can be checked of a selection before the model is known.
 *
 * @throws RegularizerOptionError in the name of `regularizer`.
 */
export function checkLayers(regularizer: string, selection: LayerSelection): LayerSelection {
  if (selection === 'all') return selection;
  if (isList(selection)) {
    if (selection.length === 0) throw new RegularizerOptionError(regularizer, 'the list of layers is empty');
    const wrong = selection.find((layer) => !Number.isInteger(layer) || layer < 0);
    if (wrong === undefined) return selection;
    throw new RegularizerOptionError(
      regularizer,
      `layer ${wrong} does not exist; layers are 0 (embeddings), 1, 2, ...`,
    );
  }
  checkOptions('layers', selection, ['every', 'count']);
  const [name, value] = 'every' in selection ? ['every', selection.every] : ['count', selection.count];
  if (!Number.isInteger(value) || value < 1) {
    throw new RegularizerOptionError(regularizer, `layers: ${name} is ${value}, must be a positive integer`);
  }
  return selection;
}

// Array.isArray does not narrow readonly arrays.
function isList(selection: LayerSelection): selection is readonly number[] {
  return Array.isArray(selection);
}

function listed(layers: readonly number[], layerCount: number): number[] {
  const missing = layers.find((layer) => layer > layerCount);
  if (missing !== undefined) {
    throw new RegularizerOptionError(
      'layers',
      `layer ${missing} does not exist; the model has layers 0 to ${layerCount}`,
    );
  }
  return [...new Set(layers)].sort((a, b) => a - b);
}

function everyNth(step: number, layerCount: number): number[] {
  if (step > layerCount) {
    throw new RegularizerOptionError(
      'layers',
      `every ${step} selects nothing of the model's ${layerCount} blocks; take a smaller step`,
    );
  }
  return Array.from({ length: Math.floor(layerCount / step) }, (_, index) => (index + 1) * step);
}

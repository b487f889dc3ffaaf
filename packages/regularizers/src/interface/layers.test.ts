import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RegularizerOptionError, resolveLayers } from '../index.ts';

describe('resolveLayers', () => {
  it.each([
    ['all blocks', 'all', 4, [1, 2, 3, 4]],
    ['every fifth of 28', { every: 5 }, 28, [5, 10, 15, 20, 25]],
    ['five of 28, evenly', { count: 5 }, 28, [1, 8, 15, 21, 28]],
    ['one', { count: 1 }, 28, [1]],
    ['more than there are', { count: 9 }, 3, [1, 2, 3]],
    ['a list, sorted, each once', [3, 0, 3], 3, [0, 3]],
  ] as const)('%s', (_name, selection, layerCount, expected) => {
    expect(resolveLayers(selection, layerCount)).toEqual(expected);
  });

  it('spreads a count from the first block to the last, as evenly as whole numbers allow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 2, max: 100 }), (count, layerCount) => {
        const layers = resolveLayers({ count }, layerCount);
        expect(layers).toHaveLength(Math.min(count, layerCount));
        expect([layers[0], layers.at(-1)]).toEqual([1, layerCount]);
        const gaps = layers.slice(1).map((layer, index) => layer - layers[index]!);
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1);
        expect(Math.max(...gaps) - Math.min(...gaps)).toBeLessThanOrEqual(1);
      }),
    );
  });

  it.each([
    ['a layer above the last', [29], 28, 'layer 29 does not exist; the model has layers 0 to 28'],
    ['a fraction', [1.5], 28, 'layer 1.5 does not exist'],
    ['an empty list', [], 28, 'the list of layers is empty'],
    ['a step past the end', { every: 5 }, 4, "every 5 selects nothing of the model's 4 blocks"],
    ['a step that is no number', { every: Number.NaN }, 4, 'every is NaN'],
    ['a count of none', { count: 0 }, 4, 'count is 0'],
    ['a model without blocks', 'all', 0, 'the model has 0 blocks'],
  ] as const)('refuses %s', (_name, selection, layerCount, message) => {
    expect(() => resolveLayers(selection, layerCount)).toThrow(message);
    expect(() => resolveLayers(selection, layerCount)).toThrow(RegularizerOptionError);
  });
});

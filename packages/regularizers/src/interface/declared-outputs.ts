import { MissingNeedError } from '../errors.ts';
import { resolveLayers } from './layers.ts';
import type { ForwardOutputs, Regularizer } from './regularizer.ts';

/**
 * What a penalty gets of a forward pass: what its regularizer's needs declare, and no more. A trainer computes the
 * union of all needs once and hands each penalty its part of it, so that regularizers that ask for different layers
 * do not see each other's.
 *
 * @param layerCount - blocks of the model, which a selection such as `{ count: 5 }` refers to.
 * @throws MissingNeedError when a declared need was not computed; from `tagged` when a tag is not declared.
 * @throws RegularizerOptionError for a layer that the model does not have.
 */
export function declaredOutputs(
  { name, needs = {} }: Pick<Regularizer, 'name' | 'needs'>,
  outputs: ForwardOutputs,
  layerCount: number,
): ForwardOutputs {
  const { referenceLogits, ...rest } = outputs;
  if (needs.referenceLogits && referenceLogits === undefined)
    throw new MissingNeedError(name, 'referenceLogits');
  const states = (need: 'hiddenStates' | 'referenceHiddenStates') => {
    const layers = needs[need] === undefined ? [] : resolveLayers(needs[need], layerCount);
    return new Map(
      layers.map((layer) => {
        const state = outputs[need].get(layer);
        if (state === undefined) throw new MissingNeedError(name, `${need} of layer ${layer}`);
        return [layer, state];
      }),
    );
  };
  return {
    ...rest,
    ...(needs.referenceLogits ? { referenceLogits: referenceLogits! } : {}),
    hiddenStates: states('hiddenStates'),
    referenceHiddenStates: states('referenceHiddenStates'),
    tagged(tag) {
      if (!needs.tags?.includes(tag)) throw new MissingNeedError(name, `the tag '${tag}'`);
      return outputs.tagged(tag);
    },
  };
}

import {
  add,
  countAlong,
  divide,
  greater,
  maximum,
  mean,
  multiply,
  reshape,
  sqrt,
  square,
  stopGradient,
  subtract,
  sum,
  type Tensor,
  where,
} from '@safetune/tensor';
import { z } from 'zod';
import { MissingNeedError, RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkLayers, type LayerSelection, resolveLayers } from '../../interface/layers.ts';
import { layersSchema, weightSchema } from '../../interface/option-schemas.ts';
import { checkOptions } from '../../interface/options.ts';
import {
  type Reference,
  referenceField,
  referencePaths,
  referenceSchema,
} from '../../interface/reference.ts';
import type { ForwardOutputs, Regularizer } from '../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../interface/weight-schedule.ts';

export interface LdifsOptions {
  /** lambda. Default 1. */
  readonly weight?: WeightSchedule;
  /** Layers whose residual streams are compared. Default `{ count: 5 }`. */
  readonly layers?: LayerSelection;
  /** Scale each layer of each example to length 1 before it is compared. Default true. */
  readonly normalise?: boolean;
  /** Divide each example's distance by the length of its feature: layers x real tokens x hidden size. Default false. */
  readonly perLength?: boolean;
  /** The model it stays near: 'base' (default), `{ adapter: folder }` or `{ checkpoint: folder }`; see {@link Reference}. */
  readonly reference?: Reference;
}

/**
 * LDIFS, the l2 distance in feature space (Mukhoti et al. 2024, arXiv 2308.13320; as used by Kaczér et al. 2026,
 * arXiv 2508.06249, section 3), between the model in training (theta) and its safe reference (theta_0):
 *
 *     mean_i sum_l || n(phi_theta(l, i)) - n(phi_theta0(l, i)) ||^2
 *
 * phi(l, i) being the residual stream of example i after layer l, all real tokens flattened into one vector of
 * tokens x hidden, and n(v) = v / ||v||. Padding contributes nothing. The gradient flows into the states of the model in
 * training, which must therefore not be detached; none reaches the reference.
 *
 * @throws RegularizerOptionError for a negative weight or a selection of layers without meaning; while tracing,
 * MissingNeedError when states of a layer are not there.
 */
export function ldifs(options: LdifsOptions = {}): Regularizer {
  checkOptions('ldifs', options, ['weight', 'layers', 'normalise', 'perLength', 'reference']);
  const { normalise = true, perLength = false } = options;
  const weight = checkWeight('ldifs', options.weight ?? 1);
  const reference = referenceField('ldifs', options.reference);
  const layers = checkLayers('ldifs', options.layers ?? { count: 5 });
  return {
    name: 'ldifs',
    config: { type: 'ldifs', weight, layers, normalise, perLength, ...reference },
    weight,
    needs: { hiddenStates: layers, referenceHiddenStates: layers, ...reference },
    meanOver: 'examples',
    penalty({ hiddenStates, referenceHiddenStates, tokenMask }) {
      const features = normalise ? unitFeature : (states: Tensor) => states;
      const distances = selectedLayers(layers, hiddenStates).map((layer) => {
        const reference = referenceHiddenStates.get(layer);
        if (reference === undefined)
          throw new MissingNeedError('ldifs', `referenceHiddenStates of layer ${layer}`);
        const trained = features(withoutPadding(hiddenStates.get(layer)!, tokenMask));
        const fixed = features(withoutPadding(stopGradient(reference), tokenMask));
        return sum(square(subtract(trained, fixed)), { axes: [1, 2] });
      });
      const distance = distances.reduce(add);
      return mean(perLength ? divide(distance, featureLength(hiddenStates, tokenMask)) : distance);
    },
  };
}

/** The layers to compare. Refuses states that other regularizers asked for, which would silently change the formula. */
function selectedLayers(selection: LayerSelection, hiddenStates: ForwardOutputs['hiddenStates']): number[] {
  const given = [...hiddenStates.keys()].sort((a, b) => a - b);
  if (given.length === 0) throw new MissingNeedError('ldifs', 'hiddenStates');
  // A count above 1 always selects the last block, 'every' its largest multiple: the selection can be told from its end.
  const expected = resolveLayers(selection, Math.max(1, ...given));
  if (expected.join() !== given.join()) {
    throw new RegularizerOptionError(
      'ldifs',
      `was given layers ${given.join(', ')}, which are not those of ${JSON.stringify(selection)}; ` +
        'hand each regularizer only the layers of its own needs (declaredOutputs does)',
    );
  }
  return given;
}

/** [batch, seq, hidden] with zeros at padding, whatever stood there: also infinities, which a product would spread. */
function withoutPadding(states: Tensor, tokenMask: Tensor): Tensor {
  return where(greater(reshape(tokenMask, [...tokenMask.shape, 1]), 0), states, 0);
}

/** Each example's [seq, hidden] block scaled to length 1. The bound is that of PyTorch's `normalize`. */
function unitFeature(states: Tensor): Tensor {
  const length = sqrt(maximum(sum(square(states), { axes: [1, 2], keepDims: true }), 1e-24));
  return divide(states, length);
}

/** [batch]: layers x real tokens x hidden size; an example without tokens counts as one token. */
function featureLength(hiddenStates: ForwardOutputs['hiddenStates'], tokenMask: Tensor): Tensor {
  const [states] = hiddenStates.values();
  const perToken = multiply(countAlong(states!, [2]), hiddenStates.size);
  return multiply(perToken, maximum(sum(tokenMask, { axes: 1 }), 1));
}

/** As configs name it. */
export const ldifsKind: OwnKind = {
  summary: 'stays near the hidden states of the model before the fine-tune',
  schema: z.strictObject({
    weight: weightSchema.optional(),
    layers: layersSchema.optional(),
    normalise: z.boolean().optional(),
    perLength: z.boolean().optional(),
    reference: referenceSchema.optional(),
  }),
  paths: referencePaths,
  create: ldifs,
};

import { gradients, type NamedTensors, type Tensor, tensorsBehind, tensorType } from '@safetune/tensor';
import { batchSignature } from '../data/batch-inputs.ts';
import { pairSignature } from '../data/pair-inputs.ts';
import { collectForward, type ForwardSettings, neededLayers } from '../step/forward.ts';
import { traceLoss } from '../step/loss.ts';
import type { StepReference, TracedReference } from '../step/references.ts';
import { streamShape, termWeightTypes } from '../step/step-inputs.ts';
import { gradientOutput, lossOutputs } from '../step/step-outputs.ts';
import type { StepSettings } from '../step/step-settings.ts';
import type { Part } from './layered-part.ts';

/** Names of the head's inputs and outputs that the whole step does not have. */
export const headNames = {
  hidden: (layer: number) => `hidden:${layer}`,
  /** @param reference its place among the step's */
  referenceHidden: (reference: number, layer: number) => `referenceHidden:${reference}:${layer}`,
  hiddenGradient: (layer: number) => `hiddenGradient:${layer}`,
};

/** Layers besides the last whose states penalties see. */
export function hiddenLayers(settings: Pick<StepSettings, 'model' | 'regularizers'>): number[] {
  return neededLayers(settings).filter((layer) => layer !== settings.model.config.layerCount);
}

/** Layers of a reference whose states the head takes: those that penalties see, and the last for its logits. */
export function referenceStates({ layers, depth }: StepReference): number[] {
  return [...new Set([...layers, depth])];
}

/** See `LayeredParts.evaluationHead`. */
export function evaluationHeadPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
): Part {
  const { model, pieces, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  // That of an objective, which is taken to the model in training.
  const base = settings.references.filter(({ name }) => name === 'base');
  const referenceState = headNames.referenceHidden(0, layerCount);
  return {
    signature: {
      ...batchSignature(pieces.count, [], packed),
      state: stateType,
      ...(objective && { ...pairSignature, [referenceState]: stateType }),
      ...termWeightTypes({ penalties: [], objective, regularizers: [] }),
    },
    trace(inputs) {
      const forward = {
        model,
        trained,
        parameters: Object.values(parameters),
        regularizers: [],
        objective,
        pieces: pieces.count,
        recompute: 'none' as const,
        attentionBlocks,
        packed,
        references: objective ? base.map((each) => ({ ...each, layers: [], adapted: {} })) : [],
      };
      const output = model.finalNorm(inputs.state!, trained(0));
      const reference = objective && { output: model.finalNorm(inputs[referenceState]!), states: {} };
      const backbones = new Map(reference && [['base', reference]]);
      const traced = collectForward(forward, inputs, { output, states: {} }, backbones);
      return lossOutputs(traceLoss(forward, traced, inputs));
    },
  };
}

/** See `LayeredParts.head`. */
export function headPart(
  settings: StepSettings,
  parameters: NamedTensors,
  trained: ForwardSettings['trained'],
  references: readonly TracedReference[],
): Part {
  const { model, regularizers, pieces, tags, attentionBlocks, packed, objective } = settings;
  const { layerCount, hiddenSize } = model.config;
  const stateType = tensorType('float32', [...streamShape(settings), hiddenSize]);
  const hidden = hiddenLayers(settings);
  const referenceNames = references.flatMap((reference, index) =>
    referenceStates(reference).map((layer) => headNames.referenceHidden(index, layer)),
  );
  return {
    signature: {
      ...batchSignature(pieces.count, tags, packed),
      state: stateType,
      ...Object.fromEntries(hidden.map((layer) => [headNames.hidden(layer), stateType])),
      ...Object.fromEntries(referenceNames.map((name) => [name, stateType])),
      ...(objective && pairSignature),
      ...termWeightTypes(settings),
    },
    trace(inputs) {
      const states = { ...pickStates(inputs, hidden, headNames.hidden), [layerCount]: inputs.state! };
      const forward = {
        model,
        trained,
        parameters: Object.values(parameters),
        regularizers,
        objective,
        pieces: pieces.count,
        recompute: 'none' as const,
        attentionBlocks,
        packed,
        references,
      };
      const backbones = references.map((reference, index) => {
        const nameOf = (layer: number) => headNames.referenceHidden(index, layer);
        const ofReference = pickStates(inputs, referenceStates(reference), nameOf);
        const last = ofReference[layerCount];
        // Without its logits nothing reads the reference's output.
        const output =
          last === undefined ? inputs.state! : reference.model.finalNorm(last, reference.adapted);
        return [reference.name, { output, states: ofReference }] as const;
      });
      const traced = collectForward(
        forward,
        inputs,
        { output: model.finalNorm(states[layerCount]!, trained(0)), states },
        new Map(backbones),
      );
      const loss = traceLoss(forward, traced, inputs);
      const used = new Set(tensorsBehind([loss.objective], Object.values(parameters)));
      const wanted = {
        stateGradient: inputs.state!,
        ...Object.fromEntries(hidden.map((layer) => [headNames.hiddenGradient(layer), states[layer]!])),
        ...Object.fromEntries(
          Object.entries(parameters).flatMap(([name, tensor]) =>
            used.has(tensor) ? [[gradientOutput(name), tensor]] : [],
          ),
        ),
      };
      // A state that a penalty asked for may have no part in the loss.
      const found = gradients(loss.objective, Object.values(wanted), { unused: 'zeros' });
      return {
        ...lossOutputs(loss),
        ...Object.fromEntries(Object.keys(wanted).map((name, index) => [name, found[index]!])),
      };
    },
  };
}

function pickStates(
  inputs: NamedTensors,
  layers: readonly number[],
  nameOf: (layer: number) => string,
): Record<number, Tensor> {
  return Object.fromEntries(layers.map((layer) => [layer, inputs[nameOf(layer)]!]));
}

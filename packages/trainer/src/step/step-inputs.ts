import type { Batch } from '@safetune/datasets';
import type { DropoutDraw } from '@safetune/lora';
import {
  contiguousData,
  type Dimension,
  type HostArray,
  hostArray,
  type Shape,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { batchInputs, packedPlaces, type RowPieces } from '../data/batch-inputs.ts';
import { pairPlaces } from '../data/pair-inputs.ts';
import { crossEntropyWeightInput, pairsWeightInput, taskLossWeightInput, weightInput } from './loss.ts';
import { referenceTensors } from './references.ts';
import { changesTaskLoss, type StepSettings } from './step-settings.ts';
import type { StepRunOptions } from './train-step.ts';

/** Types of what a step is fed besides the batch: trained values, frozen ones, those of references, and drawn ones. */
export function trainableTypes({
  trainable,
  pieces,
  packed,
  references,
}: StepSettings): Record<string, TensorType> {
  const { tensors, frozen = {}, drawn } = trainable;
  const drawnTypes = drawn?.types(piecesWithWhole(pieces)) ?? {};
  return {
    ...Object.fromEntries(
      Object.entries({ ...tensors, ...frozen, ...referenceTensors(references) }).map(([name, { shape }]) => [
        name,
        tensorType('float32', shape),
      ]),
    ),
    ...Object.fromEntries(
      Object.entries(drawnTypes).map(([name, type]) => [
        name,
        packed && isPerToken(type.shape, ['batch', 'seq']) ? { ...type, shape: [1, 'tokens'] } : type,
      ]),
    ),
  };
}

/** Their values for one forward pass; without a draw, of one that is no training. */
export function trainableValues(
  { trainable: { tensors, frozen, drawn }, pieces, packed, references }: StepSettings,
  batch: Batch,
  draw: DropoutDraw | undefined,
): Record<string, HostArray> {
  const { size, length, lengths } = batch;
  const extents = { batch: size, length, lengths, pieces: piecesWithWhole(pieces) };
  const values = drawn?.values(draw, extents) ?? {};
  const places = packed ? packedPlaces(batch).padded : undefined;
  return {
    ...tensors,
    ...frozen,
    ...referenceTensors(references),
    ...Object.fromEntries(
      Object.entries(values).map(([name, value]) => [
        name,
        places && isPerToken(value.shape, [size, length]) ? packedArray(value, places) : value,
      ]),
    ),
  };
}

/** Whether it has one value for each token of the padded batch. */
function isPerToken(shape: Shape, ofBatch: Shape): boolean {
  return shape.length === 2 && shape.every((extent, axis) => extent === ofBatch[axis]);
}

function packedArray(values: HostArray, places: Int32Array): HostArray {
  const padded = contiguousData(values) as Int32Array;
  const data = padded.slice(0, places.length);
  places.forEach((place, index) => {
    data[index] = padded[place]!;
  });
  return hostArray(data, [1, places.length]);
}

/** A penalty that sees all rows at once has them through the output layer once more. */
function piecesWithWhole({ count }: RowPieces): number {
  return count + 1;
}

/** What is drawn where nobody says: always the same. */
export const firstDraw: DropoutDraw = { seed: 0, step: 0, part: 0 };

/** Host values for everything the loss takes besides trained values: the batch, and the weights of its terms. */
export function lossInputs(
  { penalties, scope, pieces, tags, packed, objective, regularizers }: StepSettings,
  batch: Batch,
  weights: Readonly<Record<string, number>> = {},
  { taskWeight = 1, isAnchor = false }: StepRunOptions = {},
): Record<string, HostArray> {
  const comparesPairs = objective !== undefined;
  const isChanged = changesTaskLoss(regularizers);
  return {
    ...batchInputs(batch, scope, pieces, tags, packed),
    ...pairPlaces(batch, comparesPairs, isAnchor),
    [crossEntropyWeightInput]: scalarArray((comparesPairs || isChanged) && !isAnchor ? 0 : taskWeight),
    ...(isChanged && { [taskLossWeightInput]: scalarArray(isAnchor ? 0 : taskWeight) }),
    ...(comparesPairs && { [pairsWeightInput]: scalarArray(isAnchor ? 0 : taskWeight) }),
    ...Object.fromEntries(penalties.map((name) => [weightInput(name), scalarArray(weights[name] ?? 1)])),
  };
}

/** Types of the inputs that weigh the terms of the loss. */
export function termWeightTypes({
  penalties,
  objective,
  regularizers,
}: Pick<StepSettings, 'penalties' | 'objective' | 'regularizers'>): Record<string, TensorType> {
  const names = [
    crossEntropyWeightInput,
    ...(changesTaskLoss(regularizers) ? [taskLossWeightInput] : []),
    ...(objective === undefined ? [] : [pairsWeightInput]),
    ...penalties.map(weightInput),
  ];
  return Object.fromEntries(names.map((name) => [name, tensorType('float32', [])]));
}

function scalarArray(value: number): HostArray {
  return hostArray(Float32Array.of(value), []);
}

/** The residual stream's shape before the features: padded, or packed. */
export function streamShape({ packed }: Pick<StepSettings, 'packed'>): readonly [Dimension, Dimension] {
  return packed ? [1, 'tokens'] : ['batch', 'seq'];
}

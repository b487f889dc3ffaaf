import type { Batch } from '@safetune/datasets';
import { type DropoutDraw, requireAdapterFits } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import { checkRegularizer, type Regularizer, withoutPenalty } from '@safetune/regularizers';
import {
  contiguousData,
  type Dimension,
  type HostArray,
  hostArray,
  type NamedTensors,
  type Shape,
  type Tensor,
  type TensorType,
  tensorType,
} from '@safetune/tensor';
import { batchInputs, packedPlaces, type RowPieces, type RowScope } from '../data/batch-inputs.ts';
import { pairPlaces } from '../data/pair-inputs.ts';
import { TrainOptionError } from '../errors.ts';
import { objectiveFromConfig } from '../objectives/config.ts';
import type { PairObjective } from '../objectives/pair-objective.ts';
import { withFrozenParts } from './frozen-parts.ts';
import {
  crossEntropyWeightInput,
  pairsWeightInput,
  type TracedLoss,
  taskLossWeightInput,
  weightInput,
} from './loss.ts';
import { referenceTensors, type StepReference, stepReferences } from './references.ts';
import type { LossTerms, StepRunOptions, TrainStepOptions } from './train-step.ts';
import { type Trainable, viewsOf } from './trainable.ts';

/** What a training step computes, however it is run: its options with everything filled in. */
export interface StepSettings {
  readonly model: CausalLm;
  readonly trainable: Trainable;
  readonly regularizers: readonly Regularizer[];
  /** Names of the regularizers that have a penalty. */
  readonly penalties: readonly string[];
  /** Tags of examples that some regularizer tells apart. */
  readonly tags: readonly string[];
  readonly scope: RowScope;
  readonly pieces: RowPieces;
  /** Blocks of heads that attention is computed in. */
  readonly attentionBlocks: number;
  /** Whether the network runs over the batch's examples packed into one row. */
  readonly packed: boolean;
  readonly objective?: PairObjective | undefined;
  /** The models that penalties, and the objective, are taken to. */
  readonly references: readonly StepReference[];
}

/**
 * @throws RegularizerOptionError for a regularizer with a misspelt hook; TrainOptionError when two have one name;
 * or one brings parts that are not opened; AdapterMismatchError for an adapter of another model.
 */
export function stepSettings(options: Omit<TrainStepOptions, 'recompute' | 'runtime'>): StepSettings {
  const { model, regularizers = [], frozenParts } = options;
  for (const regularizer of regularizers) checkRegularizer(regularizer);
  checkNames(regularizers);
  if (options.objective !== undefined) refuseRowLosses(regularizers, options.objective.type);
  const trainable = withFrozenParts(options.trainable, regularizers, frozenParts);
  if (trainable.adapter !== undefined) requireAdapterFits(trainable.adapter, model);
  const objective = options.objective && objectiveFromConfig(options.objective);
  return {
    model,
    trainable,
    regularizers,
    ...needsOf(regularizers),
    pieces: options.headPieces ?? defaultHeadPieces(model, trainable),
    attentionBlocks: options.attentionBlocks ?? 1,
    packed: options.packing === true,
    objective,
    references: stepReferences(model, regularizers, objective, frozenParts?.references),
  };
}

/** What a batch of the task needs computed, or a batch of anchors: the penalties on it, and no others. */
export function settingsOfRun(settings: StepSettings, isAnchor: boolean): StepSettings {
  const { model, regularizers, references } = settings;
  if (!hasAnchors(regularizers)) return settings;
  const acting = regularizers.map((regularizer) =>
    (regularizer.anchors !== undefined) === isAnchor ? regularizer : withoutPenalty(regularizer, !isAnchor),
  );
  const objective = isAnchor ? undefined : settings.objective;
  const opened = new Map(references.map((reference) => [reference.name, reference]));
  return {
    ...settings,
    ...needsOf(acting),
    regularizers: acting,
    objective,
    references: stepReferences(model, acting, objective, opened),
  };
}

export function hasAnchors(regularizers: readonly Regularizer[]): boolean {
  return regularizers.some(({ anchors }) => anchors !== undefined);
}

function needsOf(regularizers: readonly Regularizer[]): Pick<StepSettings, 'penalties' | 'tags' | 'scope'> {
  return {
    penalties: regularizers
      .filter(({ penalty, penaltyPerRow }) => penalty ?? penaltyPerRow)
      .map(({ name }) => name),
    tags: [...new Set(regularizers.flatMap(({ needs }) => needs?.tags ?? []))],
    scope: regularizers.some(({ needs }) => needs?.rows === 'all') ? 'all' : 'response',
  };
}

/** Whether a regularizer changes the loss of each row. */
function changesTaskLoss(regularizers: readonly Regularizer[]): boolean {
  return regularizers.some(({ taskLossPerRow }) => taskLossPerRow !== undefined);
}

/** An objective over pairs sees whole answers: there is no loss of a row that could be replaced. */
function refuseRowLosses(regularizers: readonly Regularizer[], objective: string): void {
  const found = regularizers.find(({ taskLossPerRow }) => taskLossPerRow);
  if (found === undefined) return;
  throw new TrainOptionError(
    'regularizers',
    `'${found.name}' changes the loss of each token, but the objective '${objective}' compares whole answers and has none; ` +
      'leave out one of the two',
  );
}

/** The same model and trainable, of which nothing but the cross-entropy is wanted. */
export function withoutRegularizers(settings: StepSettings): StepSettings {
  const references = stepReferences(settings.model, [], settings.objective, undefined);
  return { ...settings, regularizers: [], penalties: [], tags: [], scope: 'response', references };
}

/** Beyond this the logits of a batch are worth cutting up. */
const largeVocabulary = 32_768;

/** Whether the vocabulary is so large that rows should go through the output layer in pieces. */
export function cutsHead({ config }: CausalLm): boolean {
  return config.vocabularySize >= largeVocabulary;
}

/** Whether the output layer's weight gets a gradient: with all weights, and with an adapter that trains it whole. */
export function trainsHead({ adapter }: Trainable, { outputLayer }: CausalLm): boolean {
  const weight = `${outputLayer.name}.weight`;
  return adapter?.replaced.some((replaced) => replaced.weight === weight || replaced.tied === weight) ?? true;
}

/** A trained head adds up a gradient of its weight's size in each piece, empty ones too: only a plan, which knows the rows, cuts it. */
function defaultHeadPieces(model: CausalLm, trainable: Trainable): RowPieces {
  return { count: cutsHead(model) && !trainsHead(trainable, model) ? 16 : 1, rows: 128 };
}

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

function checkNames(regularizers: readonly Regularizer[]): void {
  const names = regularizers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new TrainOptionError('regularizers', `two are named '${twice}'; give each its own name`);
  }
}

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

/** Names of a step's outputs besides `crossEntropy`. */
export const penaltyOutput = (regularizer: string) => `penalty:${regularizer}`;
const taskOutput = 'taskLoss';
const pairOutput = 'pairs';
const measureOutput = (name: string) => `measure:${name}`;
export const gradientOutput = (parameter: string) => `gradient:${parameter}`;

/** The outputs of a step that are its loss terms. */
export function lossOutputs({
  crossEntropy,
  taskLoss,
  penalties,
  pairs,
}: TracedLoss): Record<string, Tensor> {
  const named = (tensors: NamedTensors, nameOf: (name: string) => string) =>
    Object.fromEntries(Object.entries(tensors).map(([name, value]) => [nameOf(name), value]));
  return {
    crossEntropy,
    ...(taskLoss && { [taskOutput]: taskLoss }),
    ...named(penalties, penaltyOutput),
    ...(pairs && { [pairOutput]: pairs.value, ...named(pairs.measures, measureOutput) }),
  };
}

/** Reads the loss terms off a step's outputs. */
export function readLossTerms(
  { penalties: names, objective, regularizers }: StepSettings,
  values: Readonly<Record<string, HostArray>>,
  weights: Readonly<Record<string, number>> = {},
  { taskWeight = 1, isAnchor = false }: StepRunOptions = {},
): LossTerms {
  const read = (name: string) => Number(values[name]!.data[0]);
  const crossEntropy = read('crossEntropy');
  const penalties = Object.fromEntries(names.map((name) => [name, read(penaltyOutput(name))]));
  const pairs = objective &&
    !isAnchor && {
      loss: read(pairOutput),
      ...Object.fromEntries(
        Object.keys(values).flatMap((name) =>
          name.startsWith(measureOutput('')) ? [[name.slice(measureOutput('').length), read(name)]] : [],
        ),
      ),
    };
  const taskLoss = changesTaskLoss(regularizers) && !isAnchor ? read(taskOutput) : undefined;
  const task = taskWeight * (pairs ? pairs.loss : (taskLoss ?? crossEntropy));
  const loss = names.reduce((total, name) => total + (weights[name] ?? 1) * penalties[name]!, task);
  return {
    loss,
    crossEntropy,
    ...(taskLoss !== undefined && { taskLoss }),
    penalties,
    ...(pairs && { pairs }),
  };
}

/** Views of the flat gradient buffer, by output name, at the places where the parameters' views lie in theirs. */
export function gradientViews(trainable: Trainable, flat: Float32Array): Record<string, HostArray> {
  return Object.fromEntries(
    Object.entries(viewsOf(trainable, flat)).map(([name, view]) => [gradientOutput(name), view]),
  );
}

import { requireAdapterFits } from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import { checkRegularizer, type Regularizer, withoutPenalty } from '@safetune/regularizers';
import type { RowPieces, RowScope } from '../data/batch-inputs.ts';
import { TrainOptionError } from '../errors.ts';
import { objectiveFromConfig } from '../objectives/config.ts';
import type { PairObjective } from '../objectives/pair-objective.ts';
import { withFrozenParts } from './frozen-parts.ts';
import { type StepReference, stepReferences } from './references.ts';
import type { TrainStepOptions } from './train-step.ts';
import type { Trainable } from './trainable.ts';

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
export function changesTaskLoss(regularizers: readonly Regularizer[]): boolean {
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

function checkNames(regularizers: readonly Regularizer[]): void {
  const names = regularizers.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    throw new TrainOptionError('regularizers', `two are named '${twice}'; give each its own name`);
  }
}

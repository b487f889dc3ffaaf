import type { Batch } from '@safetune/datasets';
import { changedGradient, type Regularizer } from '@safetune/regularizers';
import type { AnchorBatches } from '../data/anchor-batches.ts';
import { TrainOptionError } from '../errors.ts';
import type { PenaltyCounts } from '../step/penalty-counts.ts';
import type { LossTerms, TrainStep } from '../step/train-step.ts';
import { accumulate, type StepGradient } from './accumulate.ts';
import type { ParameterPenalties } from './parameter-penalties.ts';

/** What the gradients of a run are made of. */
export interface GradientSources {
  readonly step: TrainStep;
  readonly regularizers: readonly Regularizer[];
  /** By name of the regularizer; only those that have some. */
  readonly anchors: ReadonlyMap<string, AnchorBatches>;
  readonly penaltyCounts: PenaltyCounts | undefined;
  readonly parameterPenalties?: ParameterPenalties | undefined;
  readonly seed: number;
}

/** lambda of each regularizer that has a penalty, by name. */
type Weights = Readonly<Record<string, number>>;

/**
 * The gradient that an optimizer step goes by: that of the task and of the penalties on its batches; what is minimised on anchors is
 * added, and penalties on what is trained; then those that change the gradient do, in their order.
 *
 * @param index of the step, from 0
 * @returns terms: the penalty of a regularizer that has anchors is the one on these; where it has none, their cross-entropy
 */
export async function stepGradient(
  sources: GradientSources,
  batches: readonly Batch[],
  index: number,
  weights: Weights,
): Promise<StepGradient> {
  const { step, regularizers, anchors, penaltyCounts, parameterPenalties, seed } = sources;
  const onBatches = Object.fromEntries(
    Object.entries(weights).map(([name, weight]) => [name, anchors.has(name) ? 0 : weight]),
  );
  const task = await accumulate(step, batches, onBatches, { seed, step: index, penaltyCounts });
  checkTerms(task.terms, sources);
  const changing = regularizers.filter(({ gradient }) => gradient !== undefined);
  if (anchors.size === 0 && changing.length === 0)
    return (await parameterPenalties?.addTo(task, weights)) ?? task;

  // The step writes the next gradient where this one is.
  let gradients = task.gradients === step.gradients ? task.gradients.slice() : task.gradients;
  const penalties = Object.fromEntries(
    Object.entries(task.terms.penalties).filter(([name]) => !anchors.has(name)),
  );
  let { loss } = task.terms;
  const ofAnchors = async (regularizer: Regularizer): Promise<StepGradient> => {
    const found = await anchorGradient(sources, regularizer, index, weights);
    penalties[regularizer.name] = found.terms.penalties[regularizer.name] ?? found.terms.crossEntropy;
    return found;
  };
  for (const regularizer of regularizers) {
    if (!anchors.has(regularizer.name) || regularizer.gradient !== undefined) continue;
    const found = await ofAnchors(regularizer);
    for (let at = 0; at < gradients.length; at++) gradients[at]! += found.gradients[at]!;
    loss += found.terms.loss;
  }
  const gathered = { terms: { ...task.terms, loss, penalties }, gradients };
  const { terms } = (await parameterPenalties?.addTo(gathered, weights)) ?? gathered;
  Object.assign(penalties, terms.penalties);
  for (const regularizer of changing) {
    gradients = await changedGradient(regularizer, gradients, {
      step: index + 1,
      parameters: step.trainable.parameters,
      anchorGradient: async () => (await ofAnchors(regularizer)).gradients.slice(),
    });
  }
  return { terms: { ...terms, penalties }, gradients };
}

/** The gradient of what a regularizer minimises on its anchors of a step. */
function anchorGradient(
  { step, regularizers, anchors, penaltyCounts, seed }: GradientSources,
  regularizer: Regularizer,
  index: number,
  weights: Weights,
): Promise<StepGradient> {
  const { name } = regularizer;
  const batches = anchors.get(name);
  if (batches === undefined)
    throw new TrainOptionError('regularizers', `'${name}' asks for the gradient of anchors, but has none`);
  const onAnchors = Object.fromEntries(
    Object.entries(weights).map(([other, weight]) => [other, other === name ? weight : 0]),
  );
  return accumulate(step, batches.at(index), onAnchors, {
    seed,
    step: index,
    // Apart from those of the batches, and from those of others' anchors.
    firstPart: 65_536 * (regularizers.indexOf(regularizer) + 1),
    isAnchor: true,
    taskWeight: regularizer.anchors!.crossEntropyWeight ?? 0,
    penaltyCounts,
  });
}

/** A compiled step that was handed in may be of other regularizers. */
function checkTerms({ penalties, taskLoss }: LossTerms, { regularizers, anchors }: GradientSources): void {
  const changing = regularizers.find(({ taskLossPerRow }) => taskLossPerRow);
  if ((taskLoss === undefined) !== (changing === undefined)) {
    throw new TrainOptionError(
      'step',
      changing === undefined
        ? 'changes the loss of each token, but no regularizer does'
        : `trains the cross-entropy of each token, but '${changing.name}' changes it`,
    );
  }
  const ofBatches = regularizers.filter(({ penalty, penaltyPerRow }) => penalty ?? penaltyPerRow);
  const [computed, wanted] = [Object.keys(penalties), ofBatches.map(({ name }) => name)].map((names) =>
    names
      .filter((name) => !anchors.has(name))
      .sort()
      .join(', '),
  );
  if (computed === wanted) return;
  throw new TrainOptionError(
    'step',
    `computes the penalties [${computed}], the regularizers have [${wanted}]`,
  );
}

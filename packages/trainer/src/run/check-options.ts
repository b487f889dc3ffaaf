import { checkAdamW } from '@safetune/optimizers';
import { checkRegularizer } from '@safetune/regularizers';
import type { TrainingExamples } from '../data/batches.ts';
import { TrainOptionError } from '../errors.ts';
import { type ObjectiveConfig, objectiveFromConfig } from '../objectives/config.ts';
import { checkRunOptionNames, trainNames } from '../option-names.ts';
import { checkEvaluation } from './evaluation.ts';
import { ofTrainOption } from './optimizer-options.ts';
import type { TrainOptions } from './train-options.ts';

/**
 * Checks what can be checked before anything is read.
 *
 * @throws TrainOptionError, and RegularizerOptionError for a misspelt hook.
 */
export function checkTrainOptions(options: TrainOptions): void {
  checkRunOptionNames('train', options, trainNames);
  for (const regularizer of options.regularizers ?? []) checkRegularizer(regularizer);
  checkHooks(options);
  const { gradientAccumulation, batchSize, checkpoint, optimizer, evaluation, maxGradientNorm } = options;
  if (gradientAccumulation !== undefined)
    requirePositiveInteger('gradientAccumulation', gradientAccumulation, mostAtOnce);
  if (batchSize !== undefined) requirePositiveInteger('batchSize', batchSize, mostAtOnce);
  if (checkpoint !== undefined) requirePositiveInteger('everySteps', checkpoint.everySteps);
  if (maxGradientNorm !== undefined && !(maxGradientNorm > 0))
    throw new TrainOptionError('maxGradientNorm', `${maxGradientNorm} must be a number greater than 0`);
  checkPacking(options.packing);
  if (options.objective !== undefined) objectiveFromConfig(options.objective);
  checkPairs(options.examples, options.objective);
  ofTrainOption(() => checkAdamW(optimizer ?? {}));
  if (evaluation !== undefined) {
    checkEvaluation(evaluation);
    checkPairs(evaluation.examples, options.objective, 'held-out examples');
  }
  if (options.step === undefined) return;
  if (options.neftuneNoiseAlpha !== undefined)
    throw new TrainOptionError('neftuneNoiseAlpha', 'changes the step, but a compiled one is given');
  if (options.step.trainable !== options.trainable)
    throw new TrainOptionError('step', 'was compiled for another trainable');
}

/** Of a stream of one's own, each batch is checked when it comes. */
function checkPairs(
  examples: TrainingExamples,
  objective: ObjectiveConfig | undefined,
  called = 'examples',
): void {
  if (typeof examples === 'function') return;
  const wantsPairs = objective !== undefined;
  const other = examples.find(({ rejected }) => (rejected !== undefined) !== wantsPairs);
  if (other === undefined) return;
  const where = other.origin === undefined ? '' : ` (${other.origin.file}:${other.origin.line})`;
  throw new TrainOptionError(
    'objective',
    wantsPairs
      ? `learns from pairs of answers, but there are ${called} with one${where}`
      : `is not given, but the ${called} are pairs of answers${where}; give { type: 'dpo' }, or the better answers alone`,
  );
}

function checkPacking(packing: unknown = 'auto'): void {
  if (packing === 'auto' || typeof packing === 'boolean') return;
  throw new TrainOptionError('packing', `${String(packing)} must be 'auto', true or false`);
}

function checkHooks({ regularizers = [], trainable }: TrainOptions): void {
  for (const { name, beforeTraining, afterStep, afterTraining } of regularizers) {
    if ((beforeTraining ?? afterStep ?? afterTraining) !== undefined && trainable.adapter === undefined) {
      throw new TrainOptionError(
        'regularizers',
        `'${name}' works on an adapter, but all weights are trained`,
      );
    }
  }
}

/** More examples of a batch, or batches of a step, are taken for a slip: they are gathered in memory. */
const mostAtOnce = 65_536;

/** @throws TrainOptionError */
export function requirePositiveInteger(option: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (!Number.isInteger(value) || value < 1)
    throw new TrainOptionError(option, `${value} must be a positive integer`);
  if (value > most)
    throw new TrainOptionError(option, `${value} is more than ${most}, the most that is allowed`);
}

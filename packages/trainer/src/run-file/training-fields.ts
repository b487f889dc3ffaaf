// The fields of a run that decide how its steps are taken and what is measured and kept between them, under transformers' and
// peft's names where they have one.
import { type ChatExample, splitValidation } from '@safetune/datasets';
import type { LearningRateOptions } from '@safetune/optimizers';
import { z } from 'zod';
import type { AdapterRunOptions } from '../run/run-directory.ts';
import { dataSchema } from './data-source.ts';
import { field } from './run-field.ts';

const count = z.int().min(1);
const share = z.number().gt(0).lt(1);
const beta = z.number().min(0).lt(1);

const evaluationFields = {
  data: field(
    dataSchema.optional(),
    'examples of their own to measure the loss on, as data is given (default: none)',
    { option: 'evaluation-data', hint: 'DATA', path: 'input', form: 'repeated' },
  ),
  share: field(
    share.optional(),
    'share of data that is held out in their place, drawn by the seed and what examples say (default: none)',
    { option: 'evaluation-share', hint: 'X' },
  ),
  every: field(count.default(50), 'steps between two evaluations; the last step has one too', {
    option: 'evaluate-every',
    hint: 'N',
  }),
  patience: field(
    count.optional(),
    'stop after so many evaluations in a row without a smaller loss (default: never)',
    { option: 'patience', hint: 'N' },
  ),
  minimum_delta: field(
    z.number().min(0).optional(),
    'how much smaller the loss must be, in nats, for patience (default 0)',
    { option: 'minimum-delta', hint: 'X' },
  ),
  restore_best: field(
    z.boolean().default(false),
    'the result are the values with the smallest held-out loss, not the last ones',
    { option: 'restore-best' },
  ),
};

/** The rate over the steps. */
export const rateFields = {
  schedule: field(
    z.enum(['linear', 'cosine', 'constant', 'wsd']).default('linear'),
    'how the learning rate goes after the warm-up: linear (to 0), cosine (to 0), constant or wsd (stays, then falls to 0)',
    { option: 'schedule', hint: 'NAME' },
  ),
  warmup: field(
    z
      .number()
      .min(0)
      .refine((steps) => steps < 1 || Number.isInteger(steps), {
        error: 'must be a whole number of steps, or a share of them below 1',
      })
      .optional(),
    'warm-up in steps, or below 1 as a share of them (default 5 steps; in runs of fewer than 10 steps half of them)',
    { option: 'warmup', hint: 'N' },
  ),
  decay_share: field(
    z.number().gt(0).max(1).optional(),
    'share of the steps over which the schedule wsd falls (default 0.2)',
    { option: 'decay-share', hint: 'X' },
  ),
};

/** The optimizer, noise, evaluation and kept checkpoints. */
export const trainingFields = {
  weight_decay: field(z.number().min(0).default(0.01), "AdamW's weight decay, of all but norms and biases", {
    option: 'weight-decay',
    hint: 'X',
  }),
  adam_beta1: field(beta.default(0.9), "decay rate of AdamW's mean gradient"),
  adam_beta2: field(beta.default(0.999), "decay rate of AdamW's mean squared gradient"),
  adam_epsilon: field(z.number().gt(0).default(1e-8), 'what AdamW adds to the denominator'),
  max_grad_norm: field(z.number().gt(0).default(1), 'l2 norm that gradients are scaled down to', {
    option: 'max-grad-norm',
    hint: 'X',
  }),
  loraplus_lr_ratio: field(
    z.number().gt(0).optional(),
    "LoRA+: the learning rate of LoRA's B as a multiple of A's (default: the same)",
    { option: 'loraplus-lr-ratio', hint: 'X' },
  ),
  neftune_noise_alpha: field(
    z.number().gt(0).optional(),
    'NEFTune: noise on the embeddings in training, 5 to 15 in its paper (default: none)',
    { option: 'neftune-noise-alpha', hint: 'X' },
  ),
  evaluation: field(
    z
      .strictObject(evaluationFields)
      .refine(({ data, share }) => data === undefined || share === undefined, {
        error: 'takes its examples from data of its own or from a share of the training data, not from both',
      })
      .refine(
        ({ data, share, patience, minimum_delta, restore_best }) =>
          (data ?? share) !== undefined ||
          (patience ?? minimum_delta ?? (restore_best || undefined)) === undefined,
        { error: 'needs examples: data of its own, or a share of the training data to be held out' },
      )
      .prefault({}),
    'the loss on examples that are not trained on',
  ),
  keep_checkpoints: field(
    z.int().min(0).default(0),
    'adapters of the last checkpoints that stay, as checkpoint-STEP in the folder',
    { option: 'keep-checkpoints', hint: 'N' },
  ),
};

const schema = z.object({ ...rateFields, ...trainingFields });

/** A run as far as these fields go. */
export type TrainingRun = z.output<typeof schema> & {
  readonly learning_rate: number;
  readonly seed: number;
};

/** The library's options that these fields stand for, and the examples that are held out. */
export function trainingSettings(
  run: TrainingRun,
  heldOut: readonly ChatExample[],
): Pick<
  AdapterRunOptions,
  'learningRate' | 'optimizer' | 'maxGradientNorm' | 'neftuneNoiseAlpha' | 'evaluation' | 'keepCheckpoints'
> {
  const { loraplus_lr_ratio: ratio, neftune_noise_alpha: alpha } = run;
  return {
    ...(heldOut.length === 0 ? {} : { evaluation: evaluation(run, heldOut) }),
    learningRate: learningRate(run),
    optimizer: {
      beta1: run.adam_beta1,
      beta2: run.adam_beta2,
      epsilon: run.adam_epsilon,
      weightDecay: run.weight_decay,
      ...(ratio === undefined ? {} : { loraPlusRatio: ratio }),
    },
    maxGradientNorm: run.max_grad_norm,
    ...(alpha === undefined ? {} : { neftuneNoiseAlpha: alpha }),
    keepCheckpoints: run.keep_checkpoints,
  };
}

function learningRate({ learning_rate, schedule, warmup, decay_share }: TrainingRun): LearningRateOptions {
  return {
    peak: learning_rate,
    schedule,
    ...(warmup === undefined
      ? {}
      : warmup > 0 && warmup < 1
        ? { warmupShare: warmup }
        : { warmupSteps: warmup }),
    ...(decay_share === undefined ? {} : { decayShare: decay_share }),
  };
}

/**
 * The examples that are trained on, and those that are held out.
 *
 * @param own those of the evaluation's own data
 * @throws EmptyDatasetError where nothing can be held out
 */
export function divided(
  { evaluation: { share }, seed }: TrainingRun,
  examples: readonly ChatExample[],
  own: readonly ChatExample[] = [],
): { readonly examples: readonly ChatExample[]; readonly heldOut: readonly ChatExample[] } {
  if (share === undefined) return { examples, heldOut: own };
  const { training, validation } = splitValidation(examples, { share, seed });
  return { examples: training, heldOut: validation };
}

function evaluation(
  { evaluation: { every, patience, minimum_delta, restore_best } }: TrainingRun,
  examples: readonly ChatExample[],
): NonNullable<AdapterRunOptions['evaluation']> {
  return {
    examples,
    everySteps: every,
    ...(patience === undefined ? {} : { patience }),
    ...(minimum_delta === undefined ? {} : { minimumDelta: minimum_delta }),
    restoreBest: restore_best,
  };
}

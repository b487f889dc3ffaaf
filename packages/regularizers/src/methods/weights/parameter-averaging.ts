import type { LoraAdapter } from '@safetune/lora';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';

/** Options of {@link parameterAveraging}. */
export interface ParameterAveragingOptions {
  /** eta: the share of the average that stays at each step, 0 to 1. Default 0.995. */
  readonly decay?: number;
}

/**
 * An exponential moving average of the trained values is the result, in the place of the last ones (Kim et al. 2025, "Rethinking Safety in
 * LLM Fine-tuning: An Optimization Perspective", arXiv 2508.12531):
 *
 *     m_0 = theta_0,   m_t = eta m_(t-1) + (1 - eta) theta_t
 *
 * The steps themselves are taken as without it. Of an adapter, the factors A and B are averaged, not their product.
 *
 * @throws RegularizerOptionError for a decay outside 0..1.
 *
 * @example
 * parameterAveraging({ decay: 0.99 });
 */
export function parameterAveraging(options: ParameterAveragingOptions = {}): Regularizer {
  checkOptions('parameter-averaging', options, ['decay']);
  const { decay = 0.995 } = options;
  if (!(decay >= 0 && decay < 1)) {
    throw new RegularizerOptionError(
      'parameter-averaging',
      `the decay is ${decay}, must be a number from 0 to less than 1`,
    );
  }
  let average = new Float32Array();
  return {
    name: 'parameter-averaging',
    config: { type: 'parameter-averaging', decay },
    beforeTraining({ parameters }: LoraAdapter) {
      average = parameters.slice();
    },
    afterStep({ parameters }) {
      for (let index = 0; index < average.length; index++)
        average[index] = decay * average[index]! + (1 - decay) * parameters[index]!;
    },
    afterTraining({ parameters }) {
      parameters.set(average);
    },
    saveState: () => ({ tensors: { average } }),
    restoreState({ tensors }) {
      average.set(tensors!.average!);
    },
  };
}

/** As configs name it. */
export const parameterAveragingKind: OwnKind = {
  summary: 'gives the moving average of the steps, in the place of the last one',
  schema: z.strictObject({ decay: z.number().optional() }),
  strength: 'decay',
  create: parameterAveraging,
};

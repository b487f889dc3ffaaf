import type { LoraAdapter } from '@safetune/lora';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';
import { type AnchorOptions, anchorConfig, anchorFields, anchorOptionSchemas } from './anchor-options.ts';

/** Options of {@link lisa}. */
export interface LisaOptions extends AnchorOptions {
  /** Strength of the proximal term. Default 0.1. */
  readonly rho?: number;
  /** K_1: steps of an alignment phase. Default 10. */
  readonly alignmentSteps?: number;
  /** K_2: steps of a task phase. Default 90. */
  readonly taskSteps?: number;
}

/**
 * Lisa, lazy safety alignment (Huang et al. 2024, arXiv 2405.18641, eq. 3): phases that learn safe answers take turns with phases that
 * learn the task, each held near where the other ended:
 *
 *     f(theta) + rho / 2 || theta - theta' ||^2
 *
 * f being the cross-entropy on anchors or that of the task, theta' the trained values at the last change of phase. As in the authors' code
 * training begins with an alignment phase, whose steps use up task batches too. The authors take phases of 100 and 900 steps.
 *
 * @throws RegularizerOptionError for options out of range, or without anchors.
 *
 * @example
 * lisa({ anchors: 'safe.jsonl', alignmentSteps: 10, taskSteps: 90 });
 */
export function lisa(options: LisaOptions): Regularizer {
  checkOptions('lisa', options, ['anchors', 'perStep', 'rho', 'alignmentSteps', 'taskSteps']);
  const { rho = 0.1, alignmentSteps = 10, taskSteps = 90 } = options;
  if (!(Number.isFinite(rho) && rho >= 0))
    throw new RegularizerOptionError('lisa', `rho is ${rho}, must be a number >= 0`);
  for (const [name, steps] of Object.entries({ alignmentSteps, taskSteps })) {
    if (!Number.isInteger(steps) || steps < 1)
      throw new RegularizerOptionError('lisa', `${name} is ${steps}, must be a positive integer`);
  }
  /** theta' */
  let center = new Float32Array();
  return {
    name: 'lisa',
    config: {
      type: 'lisa',
      ...anchorConfig(options),
      rho,
      alignmentSteps,
      taskSteps,
    },
    ...anchorFields('lisa', options, 1),
    beforeTraining({ parameters }: LoraAdapter) {
      center = parameters.slice();
    },
    async gradient(gradient, { step, parameters, anchorGradient }) {
      const stepOfRound = (step - 1) % (alignmentSteps + taskSteps);
      if (step > 1 && (stepOfRound === 0 || stepOfRound === alignmentSteps)) center.set(parameters);
      const ofPhase = stepOfRound < alignmentSteps ? await anchorGradient() : gradient;
      for (let index = 0; index < ofPhase.length; index++)
        ofPhase[index]! += rho * (parameters[index]! - center[index]!);
      return ofPhase;
    },
    saveState: () => ({ tensors: { center } }),
    restoreState({ tensors }) {
      center.set(tensors!.center!);
    },
  };
}

/** As configs name it. */
export const lisaKind: OwnKind = {
  summary: 'takes turns between learning safe answers and the task, each held near where the other ended',
  needsFile: true,
  schema: z.strictObject({
    ...anchorOptionSchemas,
    rho: z.number().optional(),
    alignmentSteps: z.number().optional(),
    taskSteps: z.number().optional(),
  }),
  strength: 'rho',
  paths: ['anchors'],
  create: lisa,
};

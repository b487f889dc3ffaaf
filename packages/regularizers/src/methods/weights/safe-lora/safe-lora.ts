import type { RuntimeOptions } from '@safetune/tensor';
import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { type ProjectorMemory, projectAll, projectionOptions, requireUpdatesOnly } from './adapter.ts';
import { type CheckpointPair, directionDigests, openSafetyDirections } from './direction.ts';
import { checkWhen, type ProjectionTime, projectionTimeSchema } from './projection-time.ts';
import { methodOf, type ProjectionMethod } from './projector.ts';
import { checkRule, decide, type ProjectionReport, type ProjectionRule } from './rule.ts';

/** Options of {@link safeLora}. */
export type SafeLoraOptions = CheckpointPair &
  ProjectionMethod &
  ProjectionRule & {
    /** Default 'end'. */
    readonly when?: ProjectionTime;
    /** Hears of every projection; `step` is undefined for the one at the end. */
    readonly onReport?: (report: ProjectionReport, step: number | undefined) => void;
    readonly runtime?: RuntimeOptions;
  };

/**
 * SafeLoRA (Hsu et al. 2024, "Safe LoRA", arXiv 2405.16833) in or after training: for every adapted layer with
 * V = W_aligned - W_base and C = V V^T / ||V||_F, where cos(B A, C B A) <= tau, B becomes C B. It adds nothing to the
 * loss. See `projectAdapter` for an adapter that is already trained.
 *
 * @throws RegularizerOptionError at once for options out of range; before training SafetyDirectionError when a checkpoint
 * does not fit the adapter, and the tensor package's errors when it is missing or damaged; at the first projection
 * SafetyDirectionError for weights that are not finite or do not differ.
 */
export function safeLora(options: SafeLoraOptions): Regularizer {
  checkOptions('safe-lora', options, [...projectionOptions, 'when', 'onReport']);
  const { base, aligned, when = 'end', onReport, runtime } = options;
  for (const [name, folder] of Object.entries({ base, aligned })) {
    if (!folder)
      throw new RegularizerOptionError('safe-lora', `${name} is missing: give the folder of that checkpoint`);
  }
  const rule = checkRule(options);
  const method = methodOf('safe-lora', options);
  const { every, end } = checkWhen('safe-lora', when);
  const memory: ProjectorMemory = new Map();
  const apply = async (adapter: Parameters<NonNullable<Regularizer['afterTraining']>>[0], step?: number) => {
    const settings = { base, aligned, ...method, ...(runtime === undefined ? {} : { runtime }) };
    const report = decide(adapter, await projectAll(adapter, settings, memory), rule);
    onReport?.(report, step);
  };
  return {
    name: 'safe-lora',
    config: { type: 'safe-lora', base, aligned, ...method, ...rule, when },
    contents: ({ adapter, cacheDirectory }) =>
      directionDigests({ base, aligned }, adapter?.modules ?? [], cacheDirectory),
    async beforeTraining(adapter) {
      requireUpdatesOnly(adapter);
      await openSafetyDirections({ base, aligned }, adapter.modules);
    },
    ...(every === undefined
      ? {}
      : { afterStep: (adapter, step) => (step % every === 0 ? apply(adapter, step) : undefined) }),
    ...(end ? { afterTraining: (adapter) => apply(adapter) } : {}),
  };
}

/** As configs name it. */
export const safeLoraKind: OwnKind = {
  summary: 'projects updates that leave the direction of alignment',
  needsFile: true,
  schema: z.strictObject({
    base: z.string('it needs the folder of the checkpoint before alignment'),
    aligned: z.string('it needs the folder of the aligned checkpoint'),
    method: z.enum(['faithful', 'exact']).optional(),
    rank: z.number().optional(),
    energy: z.number().optional(),
    threshold: z.number().optional(),
    layers: z.number().optional(),
    when: projectionTimeSchema.optional(),
  }),
  strength: 'threshold',
  paths: ['base', 'aligned'],
  create: safeLora,
};

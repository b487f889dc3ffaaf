import { matmul, multiply, type RuntimeOptions, subtract, type Tensor } from '@safetune/tensor';
import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { weightSchema } from '../../../interface/option-schemas.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { TracedModule } from '../../../interface/parameters.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../../interface/weight-schedule.ts';
import { type AdaptedLayer, type CheckpointPair, directionDigests } from '../safe-lora/direction.ts';
import { methodOf, type ProjectionMethod } from '../safe-lora/projector.ts';
import { changeFactors, requireUpdatesAlone, squaredNormOfProduct, total } from '../update-factors.ts';
import { openProjectors, type ProjectorCache, type TracedProjector } from './projectors.ts';

/** Options of {@link asft}. */
export type AsftOptions = CheckpointPair &
  ProjectionMethod & {
    /** lambda. Default 1 (the paper's). */
    readonly weight?: WeightSchedule;
    /** Where bases of the method 'exact' are computed. */
    readonly runtime?: RuntimeOptions;
  };

/**
 * AsFT (Yang et al. 2025, "AsFT: Anchoring Safety During LLM Fine-Tuning Within Narrow Safety Basin", arXiv 2506.08473): what of an update
 * leaves the direction of alignment is penalised,
 *
 *     sum || (I - C) scale (B A - B0 A0) ||_F^2,   C = V V^T / ||V||_F,   V = W_aligned - W_base
 *
 * over the adapted layers; B0 is zero in a new adapter. C is SafeLoRA's and never formed: C B takes two products with V, which a session
 * maps from a file in the cache, written once. A layer that alignment left as it was has no direction, and is left free.
 *
 * @throws RegularizerOptionError at once for options out of range; before training RegularizerOptionError when other things than updates of
 * linear layers are trained, and SafetyDirectionError when a checkpoint does not fit the adapter or nothing differs.
 *
 * @example
 * asft({ base: 'Qwen2.5-0.5B', aligned: 'Qwen2.5-0.5B-Instruct', weight: 1 });
 */
export function asft(options: AsftOptions): Regularizer {
  checkOptions('asft', options, ['base', 'aligned', 'method', 'rank', 'energy', 'weight', 'runtime']);
  const { base, aligned, runtime } = options;
  for (const [name, folder] of Object.entries({ base, aligned })) {
    if (!folder)
      throw new RegularizerOptionError('asft', `${name} is missing: give the folder of that checkpoint`);
  }
  const weight = checkWeight('asft', options.weight ?? 1);
  const method = methodOf('asft', options);
  const known: ProjectorCache = new Map();
  return {
    name: 'asft',
    config: { type: 'asft', base, aligned, ...method, weight },
    weight,
    contents: ({ adapter, cacheDirectory }) =>
      directionDigests({ base, aligned }, adapter?.modules ?? [], cacheDirectory),
    async parameterPenalty({ tensors, modules }, { cacheDirectory }) {
      requireUpdatesAlone('asft', tensors, modules);
      const layers = [...modules.values()].map(layerOf);
      const projectors = await openProjectors({ base, aligned }, layers, method, cacheDirectory, {
        known,
        runtime,
      });
      return total(
        [...modules.values()].flatMap((module) => {
          const projector = projectors.get(module.name);
          return projector === undefined ? [] : [outside(module, projector)];
        }),
      );
    },
  };
}

/** The squared length of what of a module's change lies outside the projector's span. */
function outside(module: TracedModule, { basis, factor }: TracedProjector): Tensor {
  const { left, right } = changeFactors(module);
  const inside = matmul(basis, matmul(basis, left, { transposeA: true, alpha: factor }));
  const rest = subtract(left, inside);
  return multiply(squaredNormOfProduct({ left: rest, right }), module.scale ** 2);
}

function layerOf({ name, a, b }: TracedModule): AdaptedLayer {
  return { name, inFeatures: a.shape[1] as number, outFeatures: b.shape[0] as number };
}

/** As configs name it. */
export const asftKind: OwnKind = {
  summary: 'penalises what of an update leaves the direction of alignment',
  needsFile: true,
  schema: z.strictObject({
    base: z.string('it needs the folder of the checkpoint before alignment'),
    aligned: z.string('it needs the folder of the aligned checkpoint'),
    method: z.enum(['faithful', 'exact']).optional(),
    rank: z.number().optional(),
    energy: z.number().optional(),
    weight: weightSchema.optional(),
  }),
  paths: ['base', 'aligned'],
  create: asft,
};

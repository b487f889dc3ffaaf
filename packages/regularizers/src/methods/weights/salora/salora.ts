import type { LoraAdapter } from '@safetune/lora';
import type { HostArray, RuntimeOptions } from '@safetune/tensor';
import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { requireUpdatesOnly } from '../safe-lora/adapter.ts';
import { compileMatrixProducts } from '../safe-lora/products.ts';
import { checkWhen, type ProjectionTime, projectionTimeSchema } from '../safe-lora/projection-time.ts';
import { readSafetySubspace, subspaceDigest } from './subspace.ts';

/** Options of {@link salora}. */
export interface SaloraOptions {
  /** File of the safety subspace, as `safetune safety-subspace` or `saveSafetySubspace` writes it. */
  readonly subspace: string;
  /** Default after every step: `{ every: 1 }`. */
  readonly when?: ProjectionTime;
  readonly runtime?: RuntimeOptions;
}

/**
 * SaLoRA (Li et al., ICLR 2025, arXiv 2501.01765): the update of every adapted layer is (I - U U^T) B A, so that it writes
 * nothing into the directions U that the layer's outputs take on refusals. After each optimizer step B becomes
 * B - U (U^T B): what is trained is a plain LoRA. It adds nothing to the loss.
 *
 * @throws RegularizerOptionError at once for options out of range, before training for an adapter with more than updates
 * of linear layers; before training SafetySubspaceError when the file does not fit the adapter.
 *
 * @example
 * salora({ subspace: 'safety.safetensors' });
 */
export function salora(options: SaloraOptions): Regularizer {
  checkOptions('salora', options, ['subspace', 'when', 'runtime']);
  const { subspace, when = { every: 1 }, runtime } = options;
  if (!subspace)
    throw new RegularizerOptionError(
      'salora',
      'subspace is missing: give the file that `safetune safety-subspace` writes',
    );
  const { every, end } = checkWhen('salora', when);
  let bases: readonly HostArray[] | undefined;
  const apply = async (adapter: LoraAdapter) => {
    bases ??= await readSafetySubspace(subspace, adapter.modules);
    await removeSubspace(adapter, bases, runtime);
  };
  return {
    name: 'salora',
    config: { type: 'salora', subspace, when },
    contents: async () => ({ subspace: await subspaceDigest(subspace) }),
    async beforeTraining(adapter) {
      requireUpdatesOnly(adapter, 'salora');
      bases = await readSafetySubspace(subspace, adapter.modules);
    },
    ...(every === undefined
      ? {}
      : { afterStep: (adapter, step) => (step % every === 0 ? apply(adapter) : undefined) }),
    ...(end ? { afterTraining: apply } : {}),
  };
}

/** B <- B - U (U^T B) of every module, in place. */
async function removeSubspace(
  { modules }: LoraAdapter,
  bases: readonly HostArray[],
  runtime?: RuntimeOptions,
): Promise<void> {
  const products = await compileMatrixProducts(runtime);
  try {
    for (const [index, { b }] of modules.entries()) {
      const basis = bases[index]!;
      const within = await products.times(basis, await products.transposedTimes(basis, b));
      const [values, removed] = [b.data as Float32Array, within.data as Float32Array];
      for (let at = 0; at < values.length; at++) values[at]! -= removed[at]!;
    }
  } finally {
    await products.release();
  }
}

/** As configs name it. */
export const saloraKind: OwnKind = {
  summary: 'keeps updates out of the directions that outputs take on refusals',
  needsFile: true,
  schema: z.strictObject({
    subspace: z.string('it needs the file of a safety subspace, as `safetune safety-subspace` writes it'),
    when: projectionTimeSchema.optional(),
  }),
  strength: 'subspace',
  paths: ['subspace'],
  create: salora,
};

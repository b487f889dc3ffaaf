import {
  after,
  customGradient,
  weight as mappedWeight,
  matmul,
  multiply,
  square,
  subtract,
  sum,
  type Tensor,
} from '@safetune/tensor';
import { z } from 'zod';
import { RegularizerOptionError } from '../../../errors.ts';
import type { OwnKind } from '../../../interface/kind.ts';
import { weightSchema } from '../../../interface/option-schemas.ts';
import { checkOptions } from '../../../interface/options.ts';
import type { TracedModule } from '../../../interface/parameters.ts';
import type { Regularizer } from '../../../interface/regularizer.ts';
import { checkWeight, type WeightSchedule } from '../../../interface/weight-schedule.ts';
import { changeFactors, requireUpdatesAlone, total } from '../update-factors.ts';
import { type FisherFile, fisherDigest, openFisher } from './fisher-file.ts';

export interface EwcOptions {
  /** A file of the Fisher diagonal by weight, such as `saveFisher` writes (`safetune fisher`). */
  readonly fisher: string;
  /** lambda. Default 1. */
  readonly weight?: WeightSchedule;
}

/**
 * Elastic weight consolidation (Kirkpatrick et al. 2017, "Overcoming catastrophic forgetting in neural networks", arXiv 1612.00796,
 * equation 3):
 *
 *     1/2 sum F (theta - theta_0)^2
 *
 * F is the diagonal of the Fisher information of safe answers. Of an adapted layer theta is its weight W + scale B A, as Xiang et al.
 * (2023, arXiv 2305.10626) have it, and not A and B: where B starts at zero the information of A is zero, and that of B depends on the
 * random A. The product is formed one layer at a time; F is mapped from its file.
 *
 * @throws RegularizerOptionError at once for a negative weight; before training FisherError when the file does not fit what is trained,
 * RegularizerOptionError when an adapter trains other things than updates of linear layers, and the tensor package's errors when the
 * file is missing or damaged.
 *
 * @example
 * ewc({ fisher: 'fisher.safetensors', weight: 1 });
 */
export function ewc(options: EwcOptions): Regularizer {
  checkOptions('ewc', options, ['fisher', 'weight']);
  const { fisher } = options;
  if (!fisher) {
    throw new RegularizerOptionError(
      'ewc',
      'fisher is missing: give the file of the Fisher diagonal, as `safetune fisher` writes it',
    );
  }
  const weight = checkWeight('ewc', options.weight ?? 1);
  let file: Promise<FisherFile> | undefined;
  return {
    name: 'ewc',
    config: { type: 'ewc', fisher, weight },
    weight,
    contents: async ({ cacheDirectory }) => ({ fisher: await fisherDigest(fisher, cacheDirectory) }),
    async parameterPenalty({ tensors, start, modules }) {
      file ??= openFisher(fisher);
      const opened = await file;
      const information = async (name: string, shape: Tensor['shape']) =>
        mappedWeight(await opened.region(name, shape as readonly number[]));
      const terms: Tensor[] = [];
      if (modules.size === 0) {
        for (const [name, tensor] of Object.entries(tensors)) {
          const change = subtract(tensor, start[name]!);
          terms.push(multiply(sum(multiply(await information(name, tensor.shape), square(change))), 0.5));
        }
        return total(terms);
      }
      requireUpdatesAlone('ewc', tensors, modules);
      for (const [name, module] of modules) {
        const shape = [module.b.shape[0]!, module.a.shape[1]!];
        terms.push(ofModule(module, await information(`${name}.weight`, shape), terms.slice(-1)));
      }
      return total(terms);
    },
  };
}

/**
 * 1/2 sum F D^2 of D = scale (B A - B0 A0), with its gradients scale (F D) A^T and scale B^T (F D) computed beside it: of the matrices as
 * large as the weight, one module's exist at a time.
 *
 * @param earlier - computed first.
 */
function ofModule(module: TracedModule, information: Tensor, earlier: readonly Tensor[]): Tensor {
  const { a, b, start, startsAtZero, scale } = module;
  const before = startsAtZero ? [] : [start.a, start.b];
  return customGradient('ewc', [a, b, ...before, ...earlier], () => {
    const { left, right } = changeFactors(module);
    const change = matmul(after(left, earlier), right, { alpha: scale });
    const weighted = multiply(information, change);
    const ofA = matmul(b, weighted, { transposeA: true, alpha: scale });
    const ofB = matmul(weighted, a, { transposeB: true, alpha: scale });
    const value = multiply(sum(multiply(weighted, change)), 0.5);
    return {
      value: after(value, [ofA, ofB]),
      gradient: (g) => [multiply(ofA, g), multiply(ofB, g), ...[...before, ...earlier].map(() => undefined)],
    };
  });
}

/** As configs name it. */
export const ewcKind: OwnKind = {
  summary: 'holds each weight the stronger, the more safe answers depend on it',
  needsFile: true,
  schema: z.strictObject({
    fisher: z.string('it needs the file of the Fisher diagonal'),
    weight: weightSchema.optional(),
  }),
  paths: ['fisher'],
  create: ewc,
};

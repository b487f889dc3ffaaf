import { loadLoraAdapter } from '@safetune/lora';
import { z } from 'zod';
import { RegularizerOptionError } from '../../errors.ts';
import type { OwnKind } from '../../interface/kind.ts';
import { checkOptions } from '../../interface/options.ts';
import type { Regularizer } from '../../interface/regularizer.ts';

/** Options of {@link inoculationAdapter}. */
export interface InoculationAdapterOptions {
  /** Folder of an adapter that was trained on the unwanted trait, as PEFT writes it. */
  readonly adapter: string;
}

/**
 * Inoculation adapter (Riché et al. 2026, "Inoculation Adapters", arXiv 2606.30252): an adapter of the unwanted trait is in the forward
 * pass while the task is learned, frozen, and is dropped afterwards:
 *
 *     y = W x + s_trait B_trait A_trait x + s B A x,     B and A trained
 *
 * With the trait there already, the task's adapter need not learn it. Evaluation, the safe reference and the result are without it.
 *
 * @throws RegularizerOptionError when no adapter is named, and before the step is compiled for one that does more than add to linear
 * layers; the lora package's errors when it is missing, damaged, or of another model.
 *
 * @example
 * inoculationAdapter({ adapter: './trait-adapter' });
 */
export function inoculationAdapter(options: InoculationAdapterOptions): Regularizer {
  checkOptions('inoculation-adapter', options, ['adapter']);
  const { adapter } = options;
  if (typeof adapter !== 'string' || adapter === '') {
    throw new RegularizerOptionError(
      'inoculation-adapter',
      "it needs an adapter: give the folder of one trained on the trait, as { type: 'inoculation-adapter', adapter: './trait' }",
    );
  }
  return {
    name: 'inoculation-adapter',
    config: { type: 'inoculation-adapter', adapter },
    frozenAdapters: async ({ model }) => [await loadLoraAdapter(adapter, { model })],
  };
}

/** As configs name it. */
export const inoculationAdapterKind: OwnKind = {
  summary:
    'has an adapter of the unwanted trait in the forward pass while training, so that it is not learned again',
  needsFile: true,
  schema: z.strictObject({ adapter: z.string('it needs the folder of an adapter trained on the trait') }),
  paths: ['adapter'],
  create: inoculationAdapter,
};

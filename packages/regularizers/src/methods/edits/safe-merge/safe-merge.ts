import {
  type CombineOptions,
  combineLoraAdapters,
  type LoraAdapter,
  loadLoraAdapter,
  saveLoraAdapter,
} from '@safetune/lora';
import type { RuntimeOptions } from '@safetune/tensor';
import { RegularizerOptionError } from '../../../errors.ts';
import { checkOptions } from '../../../interface/options.ts';
import { projectAll, requireUpdatesOnly } from '../../weights/safe-lora/adapter.ts';
import type { CheckpointPair } from '../../weights/safe-lora/direction.ts';
import { fiveDecimals } from '../../weights/safe-lora/rule.ts';

/** Options of {@link safeMerge}. */
export interface SafeMergeOptions extends CheckpointPair, CombineOptions {
  /** tau: modules whose cosine is below it are merged, from -1 to 1. Default 0.35 (the authors'). */
  readonly threshold?: number;
  /** The safe adapter's share of a merged module, 0 to 1; the fine-tuned one has the rest. Default 0.2 (the authors'). */
  readonly share?: number;
  /** Default 'linear' (the authors'), which wants equal ranks; 'svd' and 'cat' add the updates themselves. */
  readonly combination_type?: NonNullable<CombineOptions['combination_type']>;
  readonly runtime?: RuntimeOptions;
}

/** One module of the fine-tuned adapter. */
export interface ModuleMerge {
  readonly name: string;
  /** Cosine of B A and C B A, as SafeLoRA has them; NaN where alignment left the layer as it was, so that there is no C. */
  readonly cosine: number;
  readonly merged: boolean;
}

/** The adapter that SafeMERGE makes, and what it did, module by module in the fine-tuned adapter's order. */
export interface SafeMerged {
  readonly adapter: LoraAdapter;
  readonly modules: readonly ModuleMerge[];
}

const ownOptions: readonly string[] = ['base', 'aligned', 'threshold', 'share', 'runtime'];
const combineOptions = ['combination_type', 'svd_rank', 'density', 'majority_sign_method', 'seed'] as const;

/**
 * SafeMERGE (Djuhera et al. 2025, arXiv 2503.17239): where a module's update has left the direction of alignment, by the
 * cosine of SafeLoRA, it is merged with that of a safe adapter, (1 - share) dW + share dW_safe; elsewhere the fine-tuned
 * one stays. A module that alignment left as it was has no direction, and is merged. Neither adapter changes.
 *
 * @param adapters - the fine-tuned one and one trained on safe answers, of one model and on the same modules.
 * @returns a new adapter; its scales are 1.
 * @throws RegularizerOptionError for options out of range, an adapter with more than updates of linear layers, and adapters
 * of different modules; SafetyDirectionError when the checkpoints do not fit the adapter or are identical;
 * CombineAdaptersError of the lora package for ranks that differ under 'linear'.
 *
 * @example
 * const { adapter } = await safeMerge({ adapter: tuned, safe }, { base: 'Qwen2.5-0.5B', aligned: 'Qwen2.5-0.5B-Instruct' });
 */
export async function safeMerge(
  adapters: { readonly adapter: LoraAdapter; readonly safe: LoraAdapter },
  options: SafeMergeOptions,
): Promise<SafeMerged> {
  checkOptions('safe-merge', options, [...ownOptions, ...combineOptions]);
  const { base, aligned, threshold = 0.35, share = 0.2, runtime } = options;
  const fail = (why: string) => new RegularizerOptionError('safe-merge', why);
  if (!(threshold >= -1 && threshold <= 1))
    throw fail(`threshold is ${threshold}, must be a cosine, from -1 to 1`);
  if (!(share >= 0 && share <= 1)) throw fail(`share is ${share}, must be from 0 to 1`);
  requireSameModules(adapters);
  const candidates = await projectAll(adapters.adapter, {
    base,
    aligned,
    ...(runtime === undefined ? {} : { runtime }),
  });
  const modules = candidates.map(({ name, cosine }) => ({
    name,
    cosine,
    merged: !(fiveDecimals(cosine) >= threshold),
  }));
  const merged = new Set(modules.filter((module) => module.merged).map(({ name }) => name));
  const shareOf = (module: string) => (merged.has(module) ? share : 0);
  const adapter = combineLoraAdapters(
    [
      { adapter: adapters.adapter, weight: (module) => 1 - shareOf(module) },
      { adapter: adapters.safe, weight: shareOf },
    ],
    { combination_type: 'linear', ...combining(options) },
  );
  return { adapter, modules };
}

/**
 * {@link safeMerge} from folder to folder, for adapters trained anywhere: reads PEFT's files in `adapter` and `safe`, and
 * writes the merged adapter to `out`.
 *
 * @throws as {@link safeMerge}; AdapterFileError and FileWriteError for the folders.
 */
export async function safeMergeFiles(
  options: SafeMergeOptions & { readonly adapter: string; readonly safe: string; readonly out: string },
): Promise<readonly ModuleMerge[]> {
  const { adapter, safe, out, ...merging } = options;
  const adapters = { adapter: await loadLoraAdapter(adapter), safe: await loadLoraAdapter(safe) };
  const result = await safeMerge(adapters, merging);
  await saveLoraAdapter(out, result.adapter);
  return result.modules;
}

function requireSameModules({
  adapter,
  safe,
}: {
  readonly adapter: LoraAdapter;
  readonly safe: LoraAdapter;
}): void {
  for (const each of [adapter, safe]) requireUpdatesOnly(each, 'safe-merge');
  const [own, others] = [adapter, safe].map(({ modules }) => new Set(modules.map(({ name }) => name)));
  const missing = [...own!].find((name) => !others!.has(name));
  const further = [...others!].find((name) => !own!.has(name));
  if (missing === undefined && further === undefined) return;
  throw new RegularizerOptionError(
    'safe-merge',
    `'${missing ?? further}' is a module of the ${missing === undefined ? 'safe' : 'fine-tuned'} adapter alone: ` +
      'train both on the same modules',
  );
}

function combining(options: SafeMergeOptions): CombineOptions {
  const given = combineOptions.filter((name) => options[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, options[name]]));
}

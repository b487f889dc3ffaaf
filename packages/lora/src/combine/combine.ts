import { contiguousData, type HostArray, hostArray, lowRankSvd, type Svd, svd } from '@safetune/tensor';
import { adapterOver, type LoraAdapter } from '../adapter/adapter.ts';
import { setFactors } from '../adapter/initialize.ts';
import type { EmbeddingModule, Factors, LoraModule } from '../adapter/module.ts';
import { updatedRow } from '../adapter/norms.ts';
import { plainAdapter } from '../adapter/plain.ts';
import { CombineAdaptersError } from '../errors.ts';
import { type Merging, mergeValues } from './task-arithmetic.ts';

/** PEFT's `combination_type`s. */
export const combinationTypes = [
  'svd',
  'linear',
  'cat',
  'ties',
  'ties_svd',
  'dare_linear',
  'dare_ties',
  'dare_linear_svd',
  'dare_ties_svd',
  'magnitude_prune',
  'magnitude_prune_svd',
] as const;

export type CombinationType = (typeof combinationTypes)[number];

/** An adapter and how much of it goes into the combination; negative weights take its update away. */
export interface WeightedAdapter {
  readonly adapter: LoraAdapter;
  /** One for all modules, or each module's by its name. */
  readonly weight: number | ((module: string) => number);
}

/** Options of {@link combineLoraAdapters}, PEFT's under its names. */
export interface CombineOptions {
  /**
   * 'svd' (default) and 'cat' are exact up to their rank; 'linear' adds A's and B's by themselves, which is rough. 'ties',
   * 'dare_...' and 'magnitude_prune' prune the factors, with `_svd` the updates.
   */
  readonly combination_type?: CombinationType;
  /** Rank of what the `svd` types give. Default: the largest of the adapters'. */
  readonly svd_rank?: number;
  /** Share of values that pruning keeps, in [0, 1]: needed by the types that prune. */
  readonly density?: number;
  /** Default 'total'. */
  readonly majority_sign_method?: 'total' | 'frequency';
  /** Decides what the `dare` types drop. Default 0. */
  readonly seed?: number;
}

/**
 * One adapter that does what several do together, each by its weight (PEFT's `add_weighted_adapter`). Its scales are 1. A
 * module that only some adapt takes their share alone.
 *
 * @throws CombineAdaptersError for DoRA, whole modules or tokens among the adapters, for ranks that differ where they must
 * not, for modules that differ in size, and for options out of range.
 *
 * @example
 * const both = combineLoraAdapters([{ adapter: polite, weight: 0.7 }, { adapter: brief, weight: 0.3 }]);
 */
export function combineLoraAdapters(
  adapters: readonly WeightedAdapter[],
  options: CombineOptions = {},
): LoraAdapter {
  const [first] = adapters;
  if (first === undefined) throw new CombineAdaptersError('there is no adapter to combine');
  const plain = adapters.map(({ adapter, weight }) => ({
    adapter: plainAdapter(requireUpdates(adapter)),
    weight,
  }));
  // Of one alone there is nothing to decompose.
  const type = plain.length === 1 ? 'linear' : (options.combination_type ?? 'svd');
  const merging = mergingOf(type, options);
  const ranks = plain.map(({ adapter }) =>
    Math.max(...[...adapter.modules, ...adapter.embeddings].map(({ rank }) => rank)),
  );
  const rank = combinedRank(type, ranks, options);
  const [modules, embeddings] = [
    shares(plain, ({ modules }) => modules),
    shares(plain, ({ embeddings }) => embeddings),
  ];
  const target = ([{ module }]: Shares) => ({ ...module, rank, scale: 1 });
  const combined = adapterOver(
    {
      ...plain[0]!.adapter.config,
      r: rank,
      lora_alpha: rank,
      use_rslora: false,
      rank_pattern: {},
      alpha_pattern: {},
      target_modules: [...modules, ...embeddings].map(([{ module }]) => module.name),
      exclude_modules: null,
      layers_to_transform: null,
      layers_pattern: null,
    },
    { modules: modules.map(target), embeddings: embeddings.map(target), replaced: [], tokens: [] },
  );
  for (const [index, module] of [...combined.modules, ...combined.embeddings].entries()) {
    const parts = [...modules, ...embeddings][index]!;
    setFactors(module, padded(combineModule(parts, type, merging, rank), module));
  }
  return combined;
}

/** What one adapter has of a module. */
interface Share {
  readonly module: LoraModule | EmbeddingModule;
  readonly weight: number;
}
type Shares = readonly [Share, ...Share[]];

/** By module, in the order in which the adapters name them. */
function shares(
  adapters: readonly WeightedAdapter[],
  modulesOf: (adapter: LoraAdapter) => readonly (LoraModule | EmbeddingModule)[],
): readonly Shares[] {
  const byName = new Map<string, Share[]>();
  for (const { adapter, weight } of adapters) {
    for (const module of modulesOf(adapter)) {
      const known = byName.get(module.name);
      const [one] = known ?? [];
      if (
        one !== undefined &&
        (one.module.inFeatures !== module.inFeatures || one.module.outFeatures !== module.outFeatures)
      )
        throw new CombineAdaptersError(
          `'${module.name}' is of another size in one adapter than in another; are they of one model?`,
        );
      const own = typeof weight === 'function' ? weight(module.name) : weight;
      byName.set(module.name, [...(known ?? []), { module, weight: own }]);
    }
  }
  return [...byName.values()] as unknown as Shares[];
}

function requireUpdates(adapter: LoraAdapter): LoraAdapter {
  const { config, replaced, tokens } = adapter;
  if (config.use_dora)
    throw new CombineAdaptersError('an adapter with use_dora is no sum that another could be added to');
  if (replaced.length > 0)
    throw new CombineAdaptersError(
      `an adapter trains '${replaced[0]!.weight}' whole (modules_to_save or bias), which cannot be added up`,
    );
  if (tokens.length > 0)
    throw new CombineAdaptersError(
      'an adapter trains single tokens (trainable_token_indices), which cannot be added up',
    );
  return adapter;
}

function mergingOf(type: CombinationType, options: CombineOptions): Merging {
  const { density, majority_sign_method: majoritySign = 'total', seed = 0 } = options;
  if (!combinationTypes.includes(type))
    throw new CombineAdaptersError(
      `there is no combination_type '${type}'; there are ${combinationTypes.join(', ')}`,
    );
  const prune = type.startsWith('dare') ? 'random' : /ties|magnitude/.test(type) ? 'magnitude' : 'none';
  if (prune !== 'none' && (density === undefined || !(density >= 0 && density <= 1)))
    throw new CombineAdaptersError(`'${type}' needs a density from 0 to 1, got ${density}`);
  if (prune === 'random' && density === 0)
    throw new CombineAdaptersError(`'${type}' needs a density above 0`);
  return { prune, elect: type.includes('ties'), density: density ?? 1, majoritySign, seed };
}

function combinedRank(type: CombinationType, ranks: readonly number[], { svd_rank }: CombineOptions): number {
  if (type === 'cat') return ranks.reduce((sum, rank) => sum + rank, 0);
  if (type.endsWith('svd')) {
    if (svd_rank !== undefined && !(Number.isInteger(svd_rank) && svd_rank > 0))
      throw new CombineAdaptersError(`svd_rank is ${svd_rank}; it must be a positive integer`);
    return svd_rank ?? Math.max(...ranks);
  }
  if (new Set(ranks).size > 1)
    throw new CombineAdaptersError(
      `'${type}' adds factors up, whose ranks must agree: they are ${ranks.join(', ')}; take 'svd' or 'cat'`,
    );
  return ranks[0]!;
}

function combineModule(parts: Shares, type: CombinationType, merging: Merging, rank: number): Factors {
  if (type === 'cat') return concatenated(parts);
  if (type === 'svd') {
    const { a, b } = concatenated(parts);
    return fromSvd(lowRankSvd(b, a), rank);
  }
  if (type.endsWith('svd')) return fromSvd(svd(mergedUpdate(parts, merging)), rank);
  return mergedFactors(parts, merging);
}

/** [w s A; ...] and [B, ...]: the sum of the updates, exactly. */
function concatenated(parts: Shares): Factors {
  const { inFeatures, outFeatures } = parts[0].module;
  const rank = parts.reduce((sum, { module }) => sum + module.rank, 0);
  const [a, b] = [new Float32Array(rank * inFeatures), new Float32Array(outFeatures * rank)];
  let start = 0;
  for (const { module, weight } of parts) {
    const [ofA, ofB] = [contiguousData(module.a) as Float32Array, contiguousData(module.b) as Float32Array];
    ofA.forEach((value, at) => {
      a[start * inFeatures + at] = value * weight * module.scale;
    });
    for (let row = 0; row < outFeatures; row++)
      b.set(ofB.subarray(row * module.rank, (row + 1) * module.rank), row * rank + start);
    start += module.rank;
  }
  return { a: hostArray(a, [rank, inFeatures]), b: hostArray(b, [outFeatures, rank]) };
}

/** Both factors merged by themselves, the root of a weight in each, its sign in A. */
function mergedFactors(parts: Shares, merging: Merging): Factors {
  const { name, inFeatures, outFeatures, rank } = parts[0].module;
  if (parts.some(({ module }) => module.rank !== rank))
    throw new CombineAdaptersError(
      `'${name}' has other ranks in one adapter than in another; take 'svd' or 'cat'`,
    );
  const weights = parts.map(({ module, weight }) => weight * module.scale);
  const roots = weights.map((weight) => Math.sqrt(Math.abs(weight)));
  const signed = roots.map((root, index) => (weights[index]! < 0 ? -root : root));
  const merge = (pick: (factors: Factors) => HostArray, factors: readonly number[], label: string) =>
    mergeValues(
      parts.map(({ module }) => contiguousData(pick(module)) as Float32Array),
      factors,
      merging,
      label,
    );
  return {
    a: hostArray(Float32Array.from(merge(({ a }) => a, signed, `${name} A`)), [rank, inFeatures]),
    b: hostArray(Float32Array.from(merge(({ b }) => b, roots, `${name} B`)), [outFeatures, rank]),
  };
}

/** The updates scale B A, merged: [out, in]. */
function mergedUpdate(parts: Shares, merging: Merging): HostArray {
  const { name, inFeatures, outFeatures } = parts[0].module;
  const updates = parts.map(({ module }) => {
    const values = new Float64Array(outFeatures * inFeatures);
    for (let row = 0; row < outFeatures; row++)
      values.set(updatedRow(module, row, inFeatures), row * inFeatures);
    return values;
  });
  const weights = parts.map(({ weight }) => weight);
  return hostArray(mergeValues(updates, weights, merging, name), [outFeatures, inFeatures]);
}

/** B = U S and A = V^T of the largest singular values. */
function fromSvd({ u, s, v }: Svd, rank: number): Factors {
  const kept = Math.min(rank, s.length);
  const [rows, columns] = [u.shape[0]!, v.shape[0]!];
  const [a, b] = [new Float32Array(kept * columns), new Float32Array(rows * kept)];
  for (let inner = 0; inner < kept; inner++) {
    for (let column = 0; column < columns; column++)
      a[inner * columns + column] = v.get(column, inner) as number;
    for (let row = 0; row < rows; row++) b[row * kept + inner] = (u.get(row, inner) as number) * s[inner]!;
  }
  return { a: hostArray(a, [kept, columns]), b: hostArray(b, [rows, kept]) };
}

/** Zeros up to the rank that all modules have. */
function padded({ a, b }: Factors, { rank, inFeatures, outFeatures }: LoraModule | EmbeddingModule): Factors {
  const own = a.shape[0]!;
  if (own === rank) return { a, b };
  const [wideA, wideB] = [new Float32Array(rank * inFeatures), new Float32Array(outFeatures * rank)];
  wideA.set(contiguousData(a) as Float32Array);
  const values = contiguousData(b) as Float32Array;
  for (let row = 0; row < outFeatures; row++)
    wideB.set(values.subarray(row * own, (row + 1) * own), row * rank);
  return { a: hostArray(wideA, [rank, inFeatures]), b: hostArray(wideB, [outFeatures, rank]) };
}

import { type HostArray, hostArray, printable } from '@safetune/tensor';
import { type LoraConfig, loraConfig, requireTrainable } from '../config/config.ts';
import { requireEveryPatternMatches, type TargetModule, targetModules } from '../config/target-modules.ts';
import { LoraConfigError } from '../errors.ts';
import { initializeFactors } from './initialize.ts';
import { type LinearAdapter, type LinearLayer, lowRankLinear, nameOfA, nameOfB } from './linear.ts';
import type { LoraModule } from './module.ts';

/** A LoRA adapter in host memory. Writing to `parameters`, or to a view of it, changes the adapter. */
export interface LoraAdapter extends LinearAdapter {
  readonly config: LoraConfig;
  /** The adapted layers, in the model's order. */
  readonly modules: readonly LoraModule[];
  /** All trainable values in one buffer: A then B of each module, row-major. What an optimizer works on. */
  readonly parameters: Float32Array;
  /** Views of `parameters` in its order: `<module>.lora_A.weight` [rank, in], `<module>.lora_B.weight` [out, rank]. */
  readonly tensors: Readonly<Record<string, HostArray>>;
}

/** Options of {@link createLoraAdapter}. */
export interface CreateLoraAdapterOptions {
  /** Any integer; the same seed gives the same adapter on every machine. Default 0. */
  readonly seed?: number;
}

/**
 * A new adapter for a model with these linear layers, ready to train: A random, B zero, so that it changes nothing
 * yet (see {@link initializeFactors}).
 *
 * @param layers - the model's linear layers, without its output head.
 * @param config - fields that differ from {@link loraConfig}'s defaults; `r` left out is 32, or the smaller side of the
 * narrowest layer where that is less. 'all-linear' becomes the list of the layers.
 * @throws LoraConfigError, UnsupportedLoraFeatureError for the configuration, also for a rank above the smaller side of a
 * layer, which could do no more than one as large as that; NoTargetModulesError, UnmatchedPatternError when it, or an entry of it, fits no layer.
 *
 * @example
 * const adapter = createLoraAdapter(model.linearLayers, { r: 8, lora_alpha: 16, target_modules: ['q_proj', 'v_proj'] });
 */
export function createLoraAdapter(
  layers: readonly LinearLayer[],
  config: Partial<LoraConfig> = {},
  { seed = 0 }: CreateLoraAdapterOptions = {},
): LoraAdapter {
  const asked = loraConfig(config);
  requireTrainable(asked);
  requireEveryPatternMatches(asked, layers);
  // A default serves small models too; what was asked for must make sense.
  const narrowest = Math.min(...targetModules(asked, layers).map(largestRank));
  const complete = config.r === undefined ? { ...asked, r: Math.min(asked.r, narrowest) } : asked;
  const targets = targetModules(complete, layers);
  for (const target of targets) requireUsefulRank(complete, target);
  const adapter = adapterOver(spelledOut(complete, targets), targets);
  initializeFactors(adapter.modules, seed);
  return adapter;
}

/**
 * An adapter of the same configuration and modules over a buffer of its own.
 *
 * @param parameters - values to use, not copied, as long as the adapter's; default a copy of them.
 * @throws RangeError when the length differs.
 */
export function copyLoraAdapter(
  { config, modules, parameters }: LoraAdapter,
  values: Float32Array = parameters.slice(),
): LoraAdapter {
  return adapterOver(config, modules, values);
}

/** No update of a layer has a higher one. */
function largestRank({ inFeatures, outFeatures }: LinearLayer): number {
  return Math.min(inFeatures, outFeatures);
}

/** @throws LoraConfigError */
function requireUsefulRank({ r }: LoraConfig, target: TargetModule): void {
  const { name, rank, inFeatures, outFeatures } = target;
  const largest = largestRank(target);
  if (rank <= largest) return;
  throw new LoraConfigError(
    rank === r ? 'r' : 'rank_pattern',
    `gives '${printable(name)}' [${outFeatures}, ${inFeatures}] rank ${rank}; no update of it has more than ` +
      `${largest}: take at most that`,
  );
}

/** How many values the factors of these modules have. */
function parameterCount(targets: readonly TargetModule[]): number {
  return targets.reduce(
    (sum, { rank, inFeatures, outFeatures }) => sum + rank * (inFeatures + outFeatures),
    0,
  );
}

/** @throws LoraConfigError when there is not as much memory. */
function zeros(count: number): Float32Array {
  try {
    return new Float32Array(count);
  } catch {
    throw new LoraConfigError(
      'r',
      `makes an adapter of ${count} values, for which there is not enough memory`,
    );
  }
}

/** Lays the factors of `targets` out over one buffer, zeros by default. */
export function adapterOver(
  config: LoraConfig,
  targets: readonly TargetModule[],
  parameters: Float32Array = zeros(parameterCount(targets)),
): LoraAdapter {
  if (parameters.length !== parameterCount(targets)) {
    throw new RangeError(
      `the adapter has ${parameterCount(targets)} parameters, ${parameters.length} were given`,
    );
  }
  let used = 0;
  const take = (rows: number, columns: number): HostArray => {
    const start = used;
    used += rows * columns;
    return hostArray(parameters.subarray(start, used), [rows, columns]);
  };
  const modules = targets.map(({ name, inFeatures, outFeatures, rank, scale }): LoraModule => {
    const a = take(rank, inFeatures);
    const b = take(outFeatures, rank);
    return { name, inFeatures, outFeatures, rank, scale, a, b };
  });
  const tensors = Object.fromEntries(
    modules.flatMap(({ name, a, b }) => [
      [nameOfA(name), a],
      [nameOfB(name), b],
    ]),
  );
  return { config, modules, parameters, tensors, linear: (traced) => lowRankLinear(modules, traced) };
}

/** As PEFT does, 'all-linear' is saved as what it meant for this model. */
function spelledOut(config: LoraConfig, targets: readonly TargetModule[]): LoraConfig {
  const { target_modules } = config;
  if (typeof target_modules !== 'string' || target_modules.toLowerCase() !== 'all-linear') return config;
  return { ...config, target_modules: targets.map(({ name }) => name) };
}

import { type HostArray, hostArray, printable } from '@safetune/tensor';
import { type LoraConfig, loraConfig } from '../config/config.ts';
import { initializationOf, startsFromWeight } from '../config/initialization.ts';
import { requireEveryPatternMatches, type TargetModule, targetModules } from '../config/target-modules.ts';
import { LoraConfigError } from '../errors.ts';
import { type ForwardUse, type LoraForward, loraForward } from './forward.ts';
import { initializeFactors } from './initialize.ts';
import type { LinearAdapter, LinearLayer } from './linear.ts';
import type { EmbeddingModule, Factors, LoraModule, ReplacedTensor, TokenEmbeddings } from './module.ts';
import { type AdapterParts, linearParts } from './parts.ts';
import {
  nameOfA,
  nameOfB,
  nameOfEmbeddingA,
  nameOfEmbeddingB,
  nameOfMagnitude,
  nameOfOriginA,
  nameOfOriginB,
  nameOfTokenRows,
} from './tensor-names.ts';

/** A LoRA adapter in host memory. Writing to `parameters`, or to a view of it, changes the adapter. */
export interface LoraAdapter extends LinearAdapter {
  readonly config: LoraConfig;
  /** The adapted linear layers, in the model's order. */
  readonly modules: readonly LoraModule[];
  /** The token embedding, where it is adapted. */
  readonly embeddings: readonly EmbeddingModule[];
  /** Tensors of the model that are trained whole. */
  readonly replaced: readonly ReplacedTensor[];
  /** Tokens whose embeddings are trained. */
  readonly tokens: readonly TokenEmbeddings[];
  /** All trainable values in one buffer: A, B and DoRA's norms of each module, row-major, then the rest. */
  readonly parameters: Float32Array;
  /**
   * Views of `parameters` in its order, by PEFT's names: `<module>.lora_A.weight` [rank, in], `<module>.lora_B.weight`
   * [out, rank], ...
   */
  readonly trained: Readonly<Record<string, HostArray>>;
  /** {@link trained}, and what is fed besides and stays as it is. */
  readonly tensors: Readonly<Record<string, HostArray>>;
  /**
   * How a forward pass uses the traced tensors: linear layers, and where they are adapted the embedding and other weights.
   *
   * @param traced - the graph's tensors for {@link tensors}, by the same names.
   * @param use - whether it is a forward pass in training, where dropout acts.
   */
  forward(traced: Parameters<LinearAdapter['linear']>[0], use?: ForwardUse): LoraForward;
}

/** Options of {@link createLoraAdapter}. */
export interface CreateLoraAdapterOptions {
  /** Any integer; the same seed gives the same adapter on every machine. Default 0. */
  readonly seed?: number;
}

/**
 * A new adapter of linear layers, ready to train: by default A random, B zero, so that it changes nothing yet (see
 * {@link initializeFactors}). What needs the model's weights (DoRA, embeddings, modules to save, biases, tokens, PiSSA,
 * OLoRA) is made by `createLoraAdapterFor`.
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
  const complete = completeConfig(config, layers);
  requireNoWeights(complete);
  const targets = targetModules(complete, layers);
  for (const target of targets) requireUsefulRank(complete, target);
  const adapter = adapterOver(spelledOut(complete, targets), linearParts(targets));
  initializeFactors(adapter.modules, seed, initializationOf(complete.init_lora_weights));
  return adapter;
}

/**
 * The configuration of a new adapter: checked, and with a rank that the narrowest layer can use where none is given.
 *
 * @throws as {@link createLoraAdapter}.
 */
export function completeConfig(config: Partial<LoraConfig>, layers: readonly LinearLayer[]): LoraConfig {
  const asked = loraConfig(config);
  initializationOf(asked.init_lora_weights);
  requireEveryPatternMatches(asked, layers);
  // A default serves small models too; what was asked for must make sense.
  const narrowest = Math.min(...targetModules(asked, layers).map(largestRank));
  return config.r === undefined ? { ...asked, r: Math.min(asked.r, narrowest) } : asked;
}

/** @throws LoraConfigError for what starts from the model's weights. */
function requireNoWeights(config: LoraConfig): void {
  const fields = {
    use_dora: config.use_dora,
    bias: config.bias !== 'none',
    modules_to_save: config.modules_to_save !== null,
    trainable_token_indices: config.trainable_token_indices !== null,
    init_lora_weights: startsFromWeight(initializationOf(config.init_lora_weights)),
  };
  const found = Object.entries(fields).find(([, needed]) => needed);
  if (found === undefined) return;
  throw new LoraConfigError(
    found[0],
    "starts from the model's weights, of which only the layers' widths were given: use createLoraAdapterFor(model, ...)",
  );
}

/**
 * An adapter of the same configuration and parts over a buffer of its own.
 *
 * @param parameters - values to use, not copied, as long as the adapter's; default a copy of them.
 * @throws RangeError when the length differs.
 */
export function copyLoraAdapter(
  adapter: LoraAdapter,
  values: Float32Array = adapter.parameters.slice(),
): LoraAdapter {
  return adapterOver(adapter.config, adapter, values, originsOf(adapter));
}

/** What modules started from, by their names. */
export function originsOf({ modules }: Pick<LoraAdapter, 'modules'>): ReadonlyMap<string, Factors> {
  return new Map(
    modules.flatMap(({ name, origin }) => (origin === undefined ? [] : [[name, origin] as const])),
  );
}

/** No update of a layer has a higher one. */
function largestRank({ inFeatures, outFeatures }: LinearLayer): number {
  return Math.min(inFeatures, outFeatures);
}

/** @throws LoraConfigError */
export function requireUsefulRank({ r }: LoraConfig, target: TargetModule): void {
  const { name, rank, inFeatures, outFeatures } = target;
  const largest = largestRank(target);
  if (rank <= largest) return;
  throw new LoraConfigError(
    rank === r ? 'r' : 'rank_pattern',
    `gives '${printable(name)}' [${outFeatures}, ${inFeatures}] rank ${rank}; no update of it has more than ` +
      `${largest}: take at most that`,
  );
}

/** Names and shapes of the trained tensors, in their order in the buffer. */
export function trainedShapes(
  { use_dora }: Pick<LoraConfig, 'use_dora'>,
  { modules, embeddings, replaced, tokens }: AdapterParts,
): readonly (readonly [name: string, shape: readonly number[]])[] {
  const magnitude = ({ name, outFeatures }: LinearLayer) =>
    use_dora ? [[nameOfMagnitude(name), [outFeatures]] as const] : [];
  return [
    ...modules.flatMap((module) => [
      [nameOfA(module.name), [module.rank, module.inFeatures]] as const,
      [nameOfB(module.name), [module.outFeatures, module.rank]] as const,
      ...magnitude(module),
    ]),
    ...embeddings.flatMap((module) => [
      [nameOfEmbeddingA(module.name), [module.rank, module.inFeatures]] as const,
      [nameOfEmbeddingB(module.name), [module.outFeatures, module.rank]] as const,
      ...magnitude(module),
    ]),
    ...replaced.map(({ tensor, shape }) => [tensor, shape] as const),
    ...tokens.map((rows) => [nameOfTokenRows(rows.module), [rows.tokens.length, rows.width]] as const),
  ];
}

function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
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

/**
 * Lays the tensors of an adapter's parts out over one buffer, zeros by default.
 *
 * @param origins - what modules started from, by name.
 */
export function adapterOver(
  config: LoraConfig,
  parts: AdapterParts,
  parameters?: Float32Array,
  origins: ReadonlyMap<string, Factors> = new Map(),
): LoraAdapter {
  const shapes = trainedShapes(config, parts);
  const count = shapes.reduce((sum, [, shape]) => sum + sizeOf(shape), 0);
  const values = parameters ?? zeros(count);
  if (values.length !== count) {
    throw new RangeError(`the adapter has ${count} parameters, ${values.length} were given`);
  }
  let used = 0;
  const trained: Record<string, HostArray> = {};
  for (const [name, shape] of shapes) {
    const start = used;
    used += sizeOf(shape);
    trained[name] = hostArray(values.subarray(start, used), shape);
  }
  const norms = (name: string) => {
    const magnitude = trained[nameOfMagnitude(name)];
    return magnitude === undefined ? {} : { magnitude };
  };
  const modules = parts.modules.map(({ name, inFeatures, outFeatures, rank, scale }): LoraModule => {
    const target = { name, inFeatures, outFeatures, rank, scale };
    const factors = { a: trained[nameOfA(name)]!, b: trained[nameOfB(name)]! };
    const origin = origins.get(name);
    return { ...target, ...factors, ...norms(name), ...(origin === undefined ? {} : { origin }) };
  });
  const embeddings = parts.embeddings.map(
    ({ name, inFeatures, outFeatures, rank, scale, tied }): EmbeddingModule => {
      const target = { name, inFeatures, outFeatures, rank, scale, ...(tied === undefined ? {} : { tied }) };
      return {
        ...target,
        a: trained[nameOfEmbeddingA(name)]!,
        b: trained[nameOfEmbeddingB(name)]!,
        ...norms(name),
      };
    },
  );
  const replaced = parts.replaced.map(({ weight, shape, tensor, tied }) => ({
    weight,
    shape,
    tensor,
    values: trained[tensor]!,
    ...(tied === undefined ? {} : { tied }),
  }));
  const tokens = parts.tokens.map(({ module, tokens, width, tied }) => ({
    module,
    tokens,
    width,
    values: trained[nameOfTokenRows(module)]!,
    ...(tied === undefined ? {} : { tied }),
  }));
  const described = { config, modules, embeddings, replaced, tokens };
  const forward: LoraAdapter['forward'] = (traced, use) => loraForward(described, traced, use);
  return {
    ...described,
    parameters: values,
    trained,
    tensors: { ...trained, ...frozenTensors(modules) },
    linear: (traced) => forward(traced).linear,
    forward,
  };
}

function frozenTensors(modules: readonly LoraModule[]): Readonly<Record<string, HostArray>> {
  return Object.fromEntries(
    modules.flatMap(({ name, origin }) =>
      origin === undefined
        ? []
        : [
            [nameOfOriginA(name), origin.a],
            [nameOfOriginB(name), origin.b],
          ],
    ),
  );
}

/** As PEFT does, 'all-linear' is saved as what it meant for this model. */
export function spelledOut(config: LoraConfig, targets: readonly TargetModule[]): LoraConfig {
  const { target_modules } = config;
  if (typeof target_modules !== 'string' || target_modules.toLowerCase() !== 'all-linear') return config;
  return { ...config, target_modules: targets.map(({ name }) => name) };
}

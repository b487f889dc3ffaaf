import {
  add,
  type ConversionProgress,
  causalBias,
  defaultCacheDirectory,
  gather,
  type IntegerType,
  keep,
  type RuntimeOptions,
  range,
  type Shape,
  type Tensor,
  type TensorRegion,
  weight,
} from '@safetune/tensor';
import { selfAttention } from './blocks/attention.ts';
import type { Attend, BlockContext } from './blocks/block-context.ts';
import { mlp } from './blocks/mlp.ts';
import { norm } from './blocks/norm.ts';
import { rotaryTables } from './blocks/rotary.ts';
import type { ModelConfig } from './config.ts';
import { type BlockLayout, linearPlaces, type ModelLayout } from './families/layout.ts';
import { modelPath } from './gguf/read/ollama.ts';
import { type LinearFunction, type LinearLayer, linearProduct, plainLinear } from './linear.ts';
import {
  checkPrecision,
  type Precision,
  preferredRuntime,
  traceLinearWeight,
  usableWeights,
} from './precision.ts';
import { openStoredModel } from './stored-model.ts';

/** What a traced forward pass does differently; the default is the checkpoint as it is. */
export interface ForwardOptions {
  /** Computes the blocks' linear layers, for example with LoRA. Default {@link plainLinear}. */
  readonly linear?: LinearFunction;
  /**
   * Edits the residual stream [batch, seq, hidden] on its way: layer 0 is the embeddings, layer l what block l (from 1)
   * puts out. Steering goes here.
   */
  readonly hidden?: (state: Tensor, layer: number) => Tensor;
  /**
   * Arranges how each block is computed from the residual stream before it, for example with the tensor package's
   * `checkpoint`. Default: as it is traced.
   */
  readonly block?: (trace: (state: Tensor) => Tensor, state: Tensor) => Tensor;
  /**
   * Where weights come from, by their names in {@link CausalLm.weights}. Default: constants, in place from the
   * checkpoint's files. Training all parameters passes graph inputs.
   */
  readonly weight?: (name: string) => Tensor;
  /** Default: every row is one sequence from position 0, causal. */
  readonly attention?: AttentionContext;
  /**
   * Blocks of heads that attention is computed in, one after another, so that the scores of one exist at a time: for long
   * sequences. One of the tensor package's `attentionBlockCounts`. Default 1.
   */
  readonly attentionBlocks?: number;
}

/** The options of a forward pass that concern one block by itself. */
export type BlockOptions = Pick<ForwardOptions, 'linear' | 'weight' | 'attention' | 'attentionBlocks'>;

/** Where tokens stand and what they see, for left padding, packing and generation with a cache. */
export interface AttentionContext {
  /** Position of each token, int64 [seq] or [batch, seq]. */
  readonly positions: Tensor;
  /**
   * Added to the attention scores, broadcast to [batch, keyValueHeads, group, queries, keys]: about -1e9 hides a key. Default:
   * causal.
   */
  readonly bias?: Tensor;
  /** Computes attention otherwise, for example over a cache; the bias is then not read. */
  readonly attend?: Attend;
}

/** What a forward pass gives. */
export interface Backbone {
  /** [batch, seq, hidden], after the final norm: what {@link CausalLm.head} takes. */
  readonly output: Tensor;
  /** The residual stream [batch, seq, hidden] before the final norm: embeddings, then after each block; after `hidden`. */
  readonly states: readonly Tensor[];
}

/** A decoder-only language model: functions that trace it, over weights that stay in their files. */
export interface CausalLm {
  readonly directory: string;
  /** Where what is made of its weights is kept. */
  readonly cacheDirectory: string;
  readonly config: ModelConfig;
  /** The blocks' linear layers in the order of computation; the output layer is not among them. */
  readonly linearLayers: readonly LinearLayer[];
  /** How the weights of linear layers and of the output layer are held. */
  readonly precision: Precision;
  /** What this model runs best with: defaults for whoever compiles it. */
  readonly runtime: RuntimeOptions;
  /**
   * Where each tensor lies: float32 by its name in Hugging Face checkpoints, but for quantised weights, whose parts are
   * `<name>.values` (int8 or uint8), `<name>.scale` (float32) and, for `int8x3`, `<name>.residual`. Tied models have no `lm_head.weight`.
   */
  readonly weights: ReadonlyMap<string, TensorRegion>;
  /**
   * Traces everything but the output layer.
   *
   * @param tokenIds int64 [batch, seq]; shorter rows are padded on the right with any token: it is seen by nothing
   * before it, and what comes out at padding is to be ignored.
   */
  forward(tokenIds: Tensor, options?: ForwardOptions): Backbone;
  /** Traces the token embeddings, [batch, seq, hidden]: the first of the parts that {@link forward} is made of. */
  embed(tokenIds: Tensor, options?: Pick<ForwardOptions, 'weight'>): Tensor;
  /**
   * Traces one block, from the residual stream before it to the one after it, both [batch, seq, hidden].
   *
   * @param layer from 1 to `layerCount`
   * @throws RangeError for a layer that the model does not have.
   */
  block(layer: number, state: Tensor, options?: BlockOptions): Tensor;
  /** Traces the final norm: the last residual stream [batch, seq, hidden] to what {@link head} takes. */
  finalNorm(state: Tensor, options?: Pick<ForwardOptions, 'weight'>): Tensor;
  /** Traces the output layer: logits [..., vocabulary] of hidden states [..., hidden]. Give it only the rows a loss needs. */
  head(hidden: Tensor, options?: Pick<ForwardOptions, 'weight'>): Tensor;
}

/** Options of {@link loadModel}. */
export interface LoadModelOptions {
  /** Default `float32`. */
  readonly precision?: Precision;
  /**
   * Type that holds weights of 8 bits. Default: the one that this machine's processor multiplies exactly, found by a
   * probe. Compiling refuses one that it does not.
   */
  readonly integers?: IntegerType;
  /** Where weights that are not stored as they are used are converted, once. Default `~/.cache/safetune`. */
  readonly cacheDirectory?: string;
  /** Hears while weights are converted; never when they are used as they are, or were converted before. */
  readonly onConversion?: (progress: ConversionProgress) => void;
}

/**
 * Opens a model folder in the Hugging Face layout, or a GGUF file. Reads and checks `config.json` (of a GGUF file, the
 * metadata) and the headers of the weights; no weight is read into memory. 16-bit and quantised weights are converted into a
 * cache file, when it is not there yet.
 *
 * @param model the folder, the file (called `.gguf`, or beginning as one), or `ollama:<name>[:<tag>]` for a model that Ollama
 * has fetched.
 *
 * @example
 * const model = await loadModel('Qwen2.5-0.5B-Instruct');
 * const { logits } = await (
 *   await compile(({ ids }) => ({ logits: model.head(model.forward(ids).output) }), { ids: tensorType('int64', ['batch', 'seq']) })
 * ).run({ ids: hostArray(BigInt64Array.of(9707n), [1, 1]) });
 *
 * Whether the output layer is the embedding is taken from the files, as transformers does: `tie_word_embeddings` beside an
 * `lm_head.weight` that differs from the embedding does not tie.
 *
 * @throws ModelFileError, UnsupportedModelError, UnsupportedFeatureError for config.json; CheckpointMismatchError when the
 * tensors are not those it describes; CheckpointError, SafetensorsError, GgufError, FileWriteError and (when
 * quantising) NonFiniteError for weights that are not finite and InexactIntegersError of the tensor package; PrecisionError
 * for an unknown precision.
 */
export async function loadModel(
  model: string,
  {
    precision = 'float32',
    integers,
    cacheDirectory = defaultCacheDirectory(),
    onConversion,
  }: LoadModelOptions = {},
): Promise<CausalLm> {
  checkPrecision(precision);
  const directory = await modelPath(model);
  const { config, layout, regions } = await openStoredModel(directory);
  const multiplied = new Set([...linearPlaces(layout).map(({ name }) => `${name}.weight`), layout.head]);
  const others = new Set(
    regions.map(({ name }) => name).filter((name) => !multiplied.has(name) || name === layout.embedding),
  );
  const weights = await usableWeights({ regions, multiplied, others }, precision, {
    integers,
    cacheDirectory,
    onConversion,
  });
  return causalLm({ directory, cacheDirectory, config, precision, weights }, layout);
}

/** A model over weights wherever they lie. */
export function causalLm(
  facts: Pick<CausalLm, 'directory' | 'cacheDirectory' | 'config' | 'precision' | 'weights'>,
  layout: ModelLayout,
): CausalLm {
  const { config, precision, weights } = facts;
  // One constant a tensor: a graph that runs the model twice (a reference beside it) names its weights once.
  const constants = new Map<string, Tensor>();
  const constantWeight = (name: string): Tensor => {
    const known = constants.get(name) ?? weight(weights.get(name)!);
    constants.set(name, known);
    return known;
  };
  return {
    ...facts,
    runtime: preferredRuntime(precision),
    linearLayers: linearPlaces(layout).map(({ name, inFeatures, outFeatures }) => ({
      name,
      inFeatures,
      outFeatures,
    })),
    forward: (tokenIds, options = {}) =>
      traceBackbone(tokenIds, config, layout, { weight: constantWeight, precision, ...options }),
    embed: (tokenIds, { weight = constantWeight } = {}) => gather(weight(layout.embedding), tokenIds),
    block(layer, state, options = {}) {
      const block = layout.blocks[layer - 1];
      if (block === undefined)
        throw new RangeError(`there is no block ${layer}, only 1 to ${layout.blocks.length}`);
      const context = blockContext(state.shape, config, { weight: constantWeight, precision, ...options });
      return traceBlock(state, layer - 1, block, context);
    },
    finalNorm: (state, { weight = constantWeight } = {}) => norm(state, layout.finalNorm, { weight, config }),
    head: (hidden, { weight = constantWeight } = {}) =>
      linearProduct(hidden, traceLinearWeight(layout.head, precision, weight)),
  };
}

function traceBackbone(
  tokenIds: Tensor,
  config: ModelConfig,
  layout: ModelLayout,
  options: ForwardOptions & WeightSource,
): Backbone {
  const { weight, hidden = (state: Tensor) => state } = options;
  const arrangeBlock = options.block ?? ((trace, state) => trace(state));
  const context = blockContext(tokenIds.shape, config, options);
  let state = hidden(gather(weight(layout.embedding), tokenIds), 0);
  const states = [state];
  layout.blocks.forEach((block, index) => {
    state = hidden(
      arrangeBlock((before) => traceBlock(before, index, block, context), state),
      index + 1,
    );
    states.push(state);
  });
  return { output: norm(state, layout.finalNorm, context), states };
}

interface WeightSource extends Required<Pick<ForwardOptions, 'weight'>> {
  readonly precision: Precision;
}

/** What the blocks of a forward pass over [batch, seq, ...] share. */
function blockContext(
  [batch, length]: Shape,
  config: ModelConfig,
  options: BlockOptions & WeightSource,
): BlockContext {
  const { weight, precision, linear = plainLinear } = options;
  const {
    positions,
    bias = causalBias(length!),
    attend,
  } = options.attention ?? { positions: range(length!) };
  return {
    config,
    weight,
    linear: (x, place) =>
      keep(
        linear(x, place, {
          ...traceLinearWeight(`${place.name}.weight`, precision, weight),
          ...(place.bias ? { bias: weight(`${place.name}.bias`) } : {}),
        }),
      ),
    rotary: rotaryTables(positions, batch!, config.headSize, config.rotary),
    bias,
    attend,
    attentionBlocks: options.attentionBlocks ?? 1,
  };
}

/** One block of the pre-norm transformer: attention, then the MLP, each added to the stream; `index` counts from 0. */
function traceBlock(before: Tensor, index: number, block: BlockLayout, context: BlockContext): Tensor {
  const attended = add(
    before,
    selfAttention(norm(before, block.attentionNorm, context), index, block, context),
  );
  return add(attended, mlp(norm(attended, block.mlpNorm, context), block, context));
}

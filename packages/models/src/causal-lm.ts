import {
  type ConversionProgress,
  causalBias,
  defaultCacheDirectory,
  type IntegerType,
  keep,
  multiply,
  type RuntimeOptions,
  range,
  type Shape,
  type Tensor,
  type TensorRegion,
  tanh,
  weight,
} from '@safetune/tensor';
import type { Attend, AttentionBias, BlockContext } from './blocks/block-context.ts';
import type { Module } from './blocks/module.ts';
import { type RotaryTables, rotaryTables } from './blocks/rotary.ts';
import type { RotaryConfig } from './blocks/rotary-config.ts';
import type { ModelConfig } from './config.ts';
import { modelPath } from './gguf/read/ollama.ts';
import {
  type AdaptedForward,
  type EmbeddingFunction,
  type EmbeddingLayer,
  type LinearFunction,
  type LinearLayer,
  plainEmbedding,
  plainLinear,
  type WeightFunction,
} from './linear.ts';
import { linearPlaces, type ModelLayout } from './model-layout.ts';
import {
  checkPrecision,
  type Precision,
  preferredRuntime,
  traceLinearWeight,
  usableWeights,
} from './precision/precision.ts';
import { openStoredModel } from './stored-model.ts';

/** What a traced forward pass does differently; the default is the checkpoint as it is. */
export interface ForwardOptions {
  /** Computes the blocks' linear layers and the output layer, for example with LoRA. Default {@link plainLinear}. */
  readonly linear?: LinearFunction;
  /** Looks up the tokens. Default {@link plainEmbedding}. */
  readonly embedding?: EmbeddingFunction;
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
  readonly weight?: WeightFunction;
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
  /** Added to the attention scores, by the layer's window. Default: causal. */
  readonly bias?: AttentionBias;
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
  readonly embeddingLayer: EmbeddingLayer;
  /** The output layer, under the name that it has when it is not tied. */
  readonly outputLayer: LinearLayer;
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
  embed(tokenIds: Tensor, options?: Pick<ForwardOptions, 'embedding' | 'weight'>): Tensor;
  /**
   * Traces one block, from the residual stream before it to the one after it, both [batch, seq, hidden].
   *
   * @param layer from 1 to `layerCount`
   * @throws RangeError for a layer that the model does not have.
   */
  block(layer: number, state: Tensor, options?: BlockOptions): Tensor;
  /** Traces the final norm: the last residual stream [batch, seq, hidden] to what {@link head} takes. */
  finalNorm(state: Tensor, options?: Pick<ForwardOptions, 'weight'>): Tensor;
  /**
   * Traces the output layer: logits [..., vocabulary] of hidden states [..., hidden]. Give it only the rows a loss needs,
   * and the options of the forward pass, as an adapter may change it too.
   */
  head(hidden: Tensor, options?: AdaptedForward): Tensor;
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
  const multiplied = new Set([...linearPlaces(layout).map(({ name }) => `${name}.weight`), layout.head.name]);
  const others = new Set(
    regions.map(({ name }) => name).filter((name) => !multiplied.has(name) || name === layout.embedding.name),
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
  const sourceOf = ({ weight }: Pick<ForwardOptions, 'weight'>) =>
    weight === undefined ? constantWeight : (name: string) => weight(name, constantWeight);
  const embeddingLayer = {
    name: moduleOf(layout.embedding.name),
    vocabularySize: config.vocabularySize,
    hiddenSize: config.hiddenSize,
  };
  const outputLayer = {
    name: layout.head.name === layout.embedding.name ? 'lm_head' : moduleOf(layout.head.name),
    inFeatures: config.hiddenSize,
    outFeatures: config.vocabularySize,
  };
  return {
    ...facts,
    embeddingLayer,
    outputLayer,
    runtime: preferredRuntime(precision),
    linearLayers: linearPlaces(layout).map(({ name, inFeatures, outFeatures }) => ({
      name,
      inFeatures,
      outFeatures,
    })),
    forward: (tokenIds, options = {}) =>
      traceBackbone(tokenIds, layout, {
        embedding: plainEmbedding,
        ...options,
        weight: sourceOf(options),
        precision,
        embeddingLayer,
      }),
    embed: (tokenIds, options = {}) =>
      traceEmbedding(tokenIds, layout, {
        embedding: plainEmbedding,
        ...options,
        weight: sourceOf(options),
        embeddingLayer,
      }),
    block(layer, state, options = {}) {
      const block = layout.blocks[layer - 1];
      if (block === undefined)
        throw new RangeError(`there is no block ${layer}, only 1 to ${layout.blocks.length}`);
      const context = blockContext(state.shape, { ...options, weight: sourceOf(options), precision });
      return block.trace(state, context);
    },
    finalNorm: (state, options = {}) =>
      layout.finalNorm.trace(
        state,
        blockContext(state.shape, { ...options, weight: sourceOf(options), precision }),
      ),
    head: (hidden, options = {}) => {
      const weights = traceLinearWeight(layout.head.name, precision, sourceOf(options));
      return traceHead(hidden, layout, (x) => (options.linear ?? plainLinear)(x, outputLayer, weights));
    },
  };
}

/** The module that a weight belongs to. */
function moduleOf(weightName: string): string {
  return weightName.replace(/\.weight$/, '');
}

interface BackboneOptions extends Omit<ForwardOptions, 'weight'>, WeightSource {
  readonly embedding: EmbeddingFunction;
  readonly embeddingLayer: EmbeddingLayer;
}

function traceBackbone(tokenIds: Tensor, layout: ModelLayout, options: BackboneOptions): Backbone {
  const { hidden = (state: Tensor) => state } = options;
  const arrangeBlock = options.block ?? ((trace, state) => trace(state));
  const context = blockContext(tokenIds.shape, options);
  let state = hidden(traceEmbedding(tokenIds, layout, options), 0);
  const states = [state];
  layout.blocks.forEach((block: Module, index) => {
    state = hidden(
      arrangeBlock((before) => block.trace(before, context), state),
      index + 1,
    );
    states.push(state);
  });
  return { output: layout.finalNorm.trace(state, context), states };
}

function traceEmbedding(
  tokenIds: Tensor,
  { embedding: { name, scale = 1 } }: ModelLayout,
  { weight, embedding, embeddingLayer }: Pick<BackboneOptions, 'weight' | 'embedding' | 'embeddingLayer'>,
): Tensor {
  const rows = embedding(tokenIds, embeddingLayer, weight(name));
  return scale === 1 ? rows : multiply(rows, scale);
}

/** Logits; what divides them divides the far fewer hidden features instead. */
function traceHead(
  hidden: Tensor,
  { head: { divisor = 1, softCap } }: ModelLayout,
  linear: (x: Tensor) => Tensor,
): Tensor {
  const factor = 1 / (divisor * (softCap ?? 1));
  const logits = linear(factor === 1 ? hidden : multiply(hidden, factor));
  return softCap === undefined ? logits : multiply(tanh(logits), softCap);
}

interface WeightSource {
  weight(name: string): Tensor;
  readonly precision: Precision;
}

/** What the modules of a forward pass over [batch, seq, ...] share. */
function blockContext(
  [batch, length]: Shape,
  options: Omit<BlockOptions, 'weight'> & WeightSource,
): BlockContext {
  const { weight, precision, linear = plainLinear } = options;
  const { positions, bias, attend } = options.attention ?? { positions: range(length!) };
  const causal: AttentionBias = (window) => causalBias(length!, window);
  return {
    weight,
    linear: (x, place) =>
      keep(
        linear(x, place, {
          ...traceLinearWeight(`${place.name}.weight`, precision, weight),
          ...(place.bias ? { bias: weight(`${place.name}.bias`) } : {}),
        }),
      ),
    rotary: remembering((config: RotaryConfig): RotaryTables => rotaryTables(positions, batch!, config)),
    bias: remembering(bias ?? causal),
    attend,
    attentionBlocks: options.attentionBlocks ?? 1,
  };
}

/** Computes what a function gives for an argument once: all layers that need it share one tensor. */
function remembering<Argument, Result>(fn: (argument: Argument) => Result): (argument: Argument) => Result;
function remembering<Argument, Result>(fn: (argument?: Argument) => Result): (argument?: Argument) => Result;
function remembering<Argument, Result>(fn: (argument: Argument) => Result) {
  const known = new Map<Argument, Result>();
  return (argument: Argument) => {
    const result = known.get(argument) ?? fn(argument);
    known.set(argument, result);
    return result;
  };
}

import {
  add,
  causalBias,
  type Dimension,
  gather,
  matmul,
  range,
  type Tensor,
  type TensorRegion,
  weight,
} from '@safetune/tensor';
import { selfAttention } from './blocks/attention.ts';
import type { BlockContext, ExtendKeyValues } from './blocks/block-context.ts';
import { mlp } from './blocks/mlp.ts';
import { norm } from './blocks/norm.ts';
import { rotaryTables } from './blocks/rotary.ts';
import { openWeights } from './checkpoint.ts';
import { type ModelConfig, readModelConfig } from './config.ts';
import { linearPlaces, type ModelLayout, parameterShapes } from './families/layout.ts';
import { type LinearFunction, type LinearLayer, plainLinear } from './linear.ts';

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
}

/** Where tokens stand and what they see, for left padding, packing and generation with a cache. */
export interface AttentionContext {
  /** Position of each token, int64 [seq] or [batch, seq]. */
  readonly positions: Tensor;
  /** Added to the attention scores, broadcast to [batch, keyValueHeads, group, queries, keys]: about -1e9 hides a key. */
  readonly bias: Tensor;
  /** Keys and values to attend to, given those of the new tokens. Default: those. */
  readonly extend?: ExtendKeyValues;
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
  readonly config: ModelConfig;
  /** The blocks' linear layers in the order of computation; the output layer is not among them. */
  readonly linearLayers: readonly LinearLayer[];
  /** Where each parameter lies, float32, by its name in Hugging Face checkpoints. Tied models have no `lm_head.weight`. */
  readonly weights: ReadonlyMap<string, TensorRegion>;
  /**
   * Traces everything but the output layer.
   *
   * @param tokenIds int64 [batch, seq]; shorter rows are padded on the right with any token: it is seen by nothing
   * before it, and what comes out at padding is to be ignored.
   */
  forward(tokenIds: Tensor, options?: ForwardOptions): Backbone;
  /** Traces the output layer: logits [..., vocabulary] of hidden states [..., hidden]. Give it only the rows a loss needs. */
  head(hidden: Tensor, options?: Pick<ForwardOptions, 'weight'>): Tensor;
}

/** Options of {@link loadModel}. */
export interface LoadModelOptions {
  /** Where float16 and bfloat16 weights are converted to float32, once. Default `~/.cache/safetune`. */
  readonly cacheDirectory?: string;
}

/**
 * Opens a model folder in the Hugging Face layout. Reads and checks `config.json` and the headers of the weights; no
 * weight is read into memory.
 *
 * @example
 * const model = await loadModel('Qwen2.5-0.5B-Instruct');
 * const { logits } = await (
 *   await compile(({ ids }) => ({ logits: model.head(model.forward(ids).output) }), { ids: tensorType('int64', ['batch', 'seq']) })
 * ).run({ ids: hostArray(BigInt64Array.of(9707n), [1, 1]) });
 *
 * @throws what `readModelConfig` and `openWeights` throw: ModelFileError, UnsupportedModelError,
 * UnsupportedFeatureError, CheckpointMismatchError; CheckpointError, SafetensorsError, FileWriteError of the tensor package.
 */
export async function loadModel(
  directory: string,
  { cacheDirectory }: LoadModelOptions = {},
): Promise<CausalLm> {
  const { config, family } = await readModelConfig(directory);
  const layout = family.layout(config);
  const weights = await openWeights(directory, parameterShapes(layout, config), cacheDirectory);
  return causalLm(directory, config, layout, weights);
}

function causalLm(
  directory: string,
  config: ModelConfig,
  layout: ModelLayout,
  weights: ReadonlyMap<string, TensorRegion>,
): CausalLm {
  // One constant a tensor: a graph that runs the model twice (a reference beside it) names its weights once.
  const constants = new Map<string, Tensor>();
  const constantWeight = (name: string): Tensor => {
    const known = constants.get(name) ?? weight(weights.get(name)!);
    constants.set(name, known);
    return known;
  };
  return {
    directory,
    config,
    weights,
    linearLayers: linearPlaces(layout).map(({ name, inFeatures, outFeatures }) => ({
      name,
      inFeatures,
      outFeatures,
    })),
    forward: (tokenIds, options = {}) =>
      traceBackbone(tokenIds, config, layout, { weight: constantWeight, ...options }),
    head: (hidden, options = {}) =>
      matmul(hidden, (options.weight ?? constantWeight)(layout.head), { transposeB: true }),
  };
}

function traceBackbone(
  tokenIds: Tensor,
  config: ModelConfig,
  layout: ModelLayout,
  options: ForwardOptions & Required<Pick<ForwardOptions, 'weight'>>,
): Backbone {
  const [batch, length] = tokenIds.shape as [Dimension, Dimension];
  const { weight, linear = plainLinear, hidden = (state: Tensor) => state } = options;
  const arrangeBlock = options.block ?? ((trace, state) => trace(state));
  const { positions, bias, extend } = options.attention ?? {
    positions: range(length),
    bias: causalBias(length),
  };
  const context: BlockContext = {
    config,
    weight,
    linear: (x, place) =>
      linear(x, place, {
        weight: weight(`${place.name}.weight`),
        ...(place.bias ? { bias: weight(`${place.name}.bias`) } : {}),
      }),
    rotary: rotaryTables(positions, batch, config.headSize, config.rotary),
    bias,
    extend,
  };
  let state = hidden(gather(weight(layout.embedding), tokenIds), 0);
  const states = [state];
  layout.blocks.forEach((block, index) => {
    const traceBlock = (before: Tensor): Tensor => {
      const attended = add(
        before,
        selfAttention(norm(before, block.attentionNorm, context), index, block, context),
      );
      return add(attended, mlp(norm(attended, block.mlpNorm, context), block, context));
    };
    state = hidden(arrangeBlock(traceBlock, state), index + 1);
    states.push(state);
  });
  return { output: norm(state, layout.finalNorm, context), states };
}

import type { RuntimeOptions, Tensor, TensorRegion } from '@safetune/tensor';
import type { Attend, AttentionBias } from './blocks/block-context.ts';
import type { PackedExamples } from './blocks/packing.ts';
import type { ModelConfig } from './config.ts';
import type {
  AdaptedForward,
  EmbeddingFunction,
  EmbeddingLayer,
  LinearFunction,
  LinearLayer,
  WeightFunction,
} from './linear.ts';
import type { Precision } from './precision/precision.ts';

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
   * The one row of tokens [1, tokens] is that of several examples, packed: each attends to itself alone, from position 0.
   * Everything that is [batch, seq, ...] is then [1, tokens, ...]. Not together with `attention`. Default: not packed.
   */
  readonly packed?: PackedExamples;
  /**
   * Blocks of heads that attention is computed in, one after another, so that the scores of one exist at a time: for long
   * sequences. One of the tensor package's `attentionBlockCounts`. Default 1.
   */
  readonly attentionBlocks?: number;
}

/** The options of a forward pass that concern one block by itself. */
export type BlockOptions = Pick<
  ForwardOptions,
  'linear' | 'weight' | 'attention' | 'packed' | 'attentionBlocks'
>;

/** Where tokens stand and what they see, for left padding and generation with a cache. */
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

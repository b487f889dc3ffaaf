import { normalValues, randomStream } from '../random.ts';
import type { ModelShape } from '../recipe.ts';
import { endToken, vocabulary } from '../world/vocabulary.ts';

/** A weight in host memory: row-major float32, linear weights as [out, in]. */
export interface WeightTensor {
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A `config.json` of the llama family. */
export interface LlamaConfig {
  readonly architectures: readonly ['LlamaForCausalLM'];
  readonly model_type: 'llama';
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly hidden_act: 'silu';
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly rope_scaling: null;
  readonly attention_bias: false;
  readonly attention_dropout: 0;
  readonly mlp_bias: false;
  readonly tie_word_embeddings: true;
  readonly initializer_range: number;
  readonly bos_token_id: number;
  readonly eos_token_id: number;
  readonly pad_token_id: number;
  readonly torch_dtype: 'float32';
  readonly use_cache: true;
}

/** A model of the llama family: its configuration and its weights by their Hugging Face names. */
export interface LlamaCheckpoint {
  readonly config: LlamaConfig;
  readonly weights: Readonly<Record<string, WeightTensor>>;
}

/** The `config.json` of an organism of the given shape; embeddings are tied, nothing has a bias. */
export function llamaConfig(shape: ModelShape): LlamaConfig {
  return {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: vocabulary.length,
    hidden_size: shape.hiddenSize,
    intermediate_size: shape.intermediateSize,
    num_hidden_layers: shape.layers,
    num_attention_heads: shape.attentionHeads,
    num_key_value_heads: shape.keyValueHeads,
    head_dim: shape.hiddenSize / shape.attentionHeads,
    hidden_act: 'silu',
    max_position_embeddings: shape.maxPositions,
    rms_norm_eps: shape.normEpsilon,
    rope_theta: shape.rotaryBase,
    rope_scaling: null,
    attention_bias: false,
    attention_dropout: 0,
    mlp_bias: false,
    tie_word_embeddings: true,
    initializer_range: shape.hiddenSize ** -0.5,
    bos_token_id: vocabulary.indexOf('<bos>'),
    eos_token_id: vocabulary.indexOf(endToken),
    pad_token_id: vocabulary.indexOf('<pad>'),
    torch_dtype: 'float32',
    use_cache: true,
  };
}

/**
 * An untrained organism. Embeddings and linear weights are N(0, 1/d) with d the hidden size; the two projections that write to
 * the residual stream are smaller by sqrt(2 * layers), the MLP's with its own fan-in; norms are one. Every
 * tensor draws from its own stream of the seed.
 */
export function initializeCheckpoint(shape: ModelShape, seed: number): LlamaCheckpoint {
  const { hiddenSize, intermediateSize, layers } = shape;
  const keyValueSize = (hiddenSize / shape.attentionHeads) * shape.keyValueHeads;
  const deviation = hiddenSize ** -0.5;
  const residualScale = 1 / Math.sqrt(2 * layers);
  const weights: Record<string, WeightTensor> = {};
  const normal = (name: string, rows: number, columns: number, standardDeviation: number) => {
    const random = randomStream(seed, 'initial weights', name);
    weights[name] = {
      shape: [rows, columns],
      data: normalValues(random, rows * columns, standardDeviation),
    };
  };
  const ones = (name: string) => {
    weights[name] = { shape: [hiddenSize], data: new Float32Array(hiddenSize).fill(1) };
  };

  normal('model.embed_tokens.weight', vocabulary.length, hiddenSize, deviation);
  for (let layer = 0; layer < layers; layer++) {
    const block = `model.layers.${layer}`;
    ones(`${block}.input_layernorm.weight`);
    normal(`${block}.self_attn.q_proj.weight`, hiddenSize, hiddenSize, deviation);
    normal(`${block}.self_attn.k_proj.weight`, keyValueSize, hiddenSize, deviation);
    normal(`${block}.self_attn.v_proj.weight`, keyValueSize, hiddenSize, deviation);
    normal(`${block}.self_attn.o_proj.weight`, hiddenSize, hiddenSize, deviation * residualScale);
    ones(`${block}.post_attention_layernorm.weight`);
    normal(`${block}.mlp.gate_proj.weight`, intermediateSize, hiddenSize, deviation);
    normal(`${block}.mlp.up_proj.weight`, intermediateSize, hiddenSize, deviation);
    normal(
      `${block}.mlp.down_proj.weight`,
      hiddenSize,
      intermediateSize,
      intermediateSize ** -0.5 * residualScale,
    );
  }
  ones('model.norm.weight');
  return { config: llamaConfig(shape), weights };
}

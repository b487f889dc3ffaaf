import type { ModelConfig } from '../config.ts';
import type { LinearLayer } from '../linear.ts';

/** A linear layer whose tensors are `<name>.weight` and, when `bias`, `<name>.bias`. */
export interface LinearPlace extends LinearLayer {
  readonly bias: boolean;
}

/** Where the tensors of one block lie. */
export interface BlockLayout {
  /** Weight of the normalisation before attention. */
  readonly attentionNorm: string;
  readonly query: LinearPlace;
  readonly key: LinearPlace;
  readonly value: LinearPlace;
  readonly output: LinearPlace;
  /** Weight of the normalisation before the MLP. */
  readonly mlpNorm: string;
  readonly gate: LinearPlace;
  readonly up: LinearPlace;
  readonly down: LinearPlace;
}

/** Where all tensors of a model lie, by their names in the checkpoint. */
export interface ModelLayout {
  readonly embedding: string;
  readonly blocks: readonly BlockLayout[];
  readonly finalNorm: string;
  /** Output layer; the embedding's name when they are tied. */
  readonly head: string;
}

/** The layout of Llama's checkpoints, which most families keep. */
export function decoderLayout(config: ModelConfig): ModelLayout {
  const { hiddenSize, intermediateSize, biases } = config;
  const attentionSize = config.headCount * config.headSize;
  const keyValueSize = config.keyValueHeadCount * config.headSize;
  const embedding = 'model.embed_tokens.weight';
  const block = (index: number): BlockLayout => {
    const linear = (name: string, inFeatures: number, outFeatures: number, bias: boolean): LinearPlace => ({
      name: `model.layers.${index}.${name}`,
      inFeatures,
      outFeatures,
      bias,
    });
    return {
      attentionNorm: `model.layers.${index}.input_layernorm.weight`,
      query: linear('self_attn.q_proj', hiddenSize, attentionSize, biases.attentionInput),
      key: linear('self_attn.k_proj', hiddenSize, keyValueSize, biases.attentionInput),
      value: linear('self_attn.v_proj', hiddenSize, keyValueSize, biases.attentionInput),
      output: linear('self_attn.o_proj', attentionSize, hiddenSize, biases.attentionOutput),
      mlpNorm: `model.layers.${index}.post_attention_layernorm.weight`,
      gate: linear('mlp.gate_proj', hiddenSize, intermediateSize, biases.mlp),
      up: linear('mlp.up_proj', hiddenSize, intermediateSize, biases.mlp),
      down: linear('mlp.down_proj', intermediateSize, hiddenSize, biases.mlp),
    };
  };
  return {
    embedding,
    blocks: Array.from({ length: config.layerCount }, (_, index) => block(index)),
    finalNorm: 'model.norm.weight',
    head: config.tieWordEmbeddings ? embedding : 'lm_head.weight',
  };
}

/** The linear layers of all blocks, in the order of computation. */
export function linearPlaces(layout: ModelLayout): LinearPlace[] {
  return layout.blocks.flatMap(({ query, key, value, output, gate, up, down }) => [
    query,
    key,
    value,
    output,
    gate,
    up,
    down,
  ]);
}

/** Shape of every tensor, by name. */
export function parameterShapes(
  layout: ModelLayout,
  config: ModelConfig,
): ReadonlyMap<string, readonly number[]> {
  const shapes = new Map<string, readonly number[]>();
  shapes.set(layout.embedding, [config.vocabularySize, config.hiddenSize]);
  for (const { attentionNorm, mlpNorm } of layout.blocks) {
    shapes.set(attentionNorm, [config.hiddenSize]);
    shapes.set(mlpNorm, [config.hiddenSize]);
  }
  for (const { name, inFeatures, outFeatures, bias } of linearPlaces(layout)) {
    shapes.set(`${name}.weight`, [outFeatures, inFeatures]);
    if (bias) shapes.set(`${name}.bias`, [outFeatures]);
  }
  shapes.set(layout.finalNorm, [config.hiddenSize]);
  shapes.set(layout.head, [config.vocabularySize, config.hiddenSize]);
  return shapes;
}

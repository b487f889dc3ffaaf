import type { Architecture, ArchitectureSource } from './architecture.ts';
import { decoderSizes } from './decoder.ts';

const [longFactors, shortFactors] = ['rope_factors_long.weight', 'rope_factors_short.weight'];

/** Phi 3, 3.5 and 4: one linear layer for queries, keys and values, one for gate and up; LongRoPE. */
export const phi3: Architecture = {
  name: 'phi3',
  async config(source) {
    const sizes = decoderSizes(source);
    const window = source.keys.count('attention.sliding_window') ?? 0;
    return {
      architectures: ['Phi3ForCausalLM'],
      model_type: 'phi3',
      hidden_act: 'silu',
      ...sizes,
      // llama.cpp's 0 stands for none.
      sliding_window: window === 0 ? null : window,
      ...(await ropeSettings(source, sizes.head_dim, sizes.max_position_embeddings)),
    };
  },
  blocks: {
    attn_norm: 'input_layernorm',
    attn_qkv: 'self_attn.qkv_proj',
    attn_output: 'self_attn.o_proj',
    ffn_norm: 'post_attention_layernorm',
    ffn_up: 'mlp.gate_up_proj',
    ffn_down: 'mlp.down_proj',
  },
  settings: [longFactors, shortFactors],
};

async function ropeSettings(
  source: ArchitectureSource,
  headSize: number,
  positions: number,
): Promise<Record<string, unknown>> {
  const { keys } = source;
  const original = keys.count('rope.scaling.original_context_length') ?? positions;
  // It follows from the lengths of the contexts, as transformers computes it too.
  keys.number('rope.scaling.attn_factor');
  const turning = keys.count('rope.dimension_count') ?? headSize;
  const [long, short] = [
    await source.readShortTensor(longFactors),
    await source.readShortTensor(shortFactors),
  ];
  return {
    rope_theta: keys.number('rope.freq_base') ?? 10_000,
    partial_rotary_factor: turning / headSize,
    original_max_position_embeddings: original,
    rope_scaling:
      long === undefined || short === undefined
        ? null
        : { type: 'longrope', long_factor: Array.from(long), short_factor: Array.from(short) },
  };
}

import type { ModelConfig } from '../../../config.ts';
import type { GgufMetadata } from '../file.ts';

/** How llama.cpp runs a family of models. A new one is a file beside this one and a line in `architectures.ts`. */
export interface GgufArchitecture {
  /** `model_type` in config.json. */
  readonly modelType: string;
  /** `general.architecture`, and what its metadata keys begin with. */
  readonly name: string;
  /** Names of a block's tensors by theirs in Hugging Face checkpoints. */
  readonly blockTensors: Readonly<Record<string, string>>;
  /**
   * Features that turn together lie side by side, not half a head apart: rows of queries and keys move. Default false.
   */
  readonly interleavesHeads?: boolean;
  /** The weights of norms are stored with 1 added. Default false. */
  readonly addsOneToNorms?: boolean;
  /**
   * What llama.cpp must know beside the sizes.
   *
   * @param refuse throws, saying why llama.cpp cannot run such a model.
   * @param content of config.json, which the family has accepted, for what only it says.
   */
  settings(config: ModelConfig, refuse: Refuse, content: unknown): GgufSettings;
}

export type Refuse = (reason: string) => never;

/** Metadata, without the architecture's name before the keys, and factors of rotary positions. */
export interface GgufSettings {
  readonly metadata: GgufMetadata;
  /** What each pair's frequency is divided by (`rope_freqs.weight`). Default: told by the metadata alone. */
  readonly ropeFactors?: Float32Array | undefined;
}

/** A block of Llama and most others. */
export const llamaTensors = {
  input_layernorm: 'attn_norm',
  'self_attn.q_proj': 'attn_q',
  'self_attn.k_proj': 'attn_k',
  'self_attn.v_proj': 'attn_v',
  'self_attn.o_proj': 'attn_output',
  post_attention_layernorm: 'ffn_norm',
  'mlp.gate_proj': 'ffn_gate',
  'mlp.up_proj': 'ffn_up',
  'mlp.down_proj': 'ffn_down',
} as const;

import { type GgufArchitecture, llamaTensors } from './architecture.ts';
import { decoderSettings } from './llama.ts';

/** Qwen 2 and 2.5. */
export const qwen2: GgufArchitecture = {
  modelType: 'qwen2',
  name: 'qwen2',
  blockTensors: llamaTensors,
  settings: decoderSettings,
};

/** Qwen 3, with its norms of queries and keys. */
export const qwen3: GgufArchitecture = {
  modelType: 'qwen3',
  name: 'qwen3',
  blockTensors: { ...llamaTensors, 'self_attn.q_norm': 'attn_q_norm', 'self_attn.k_norm': 'attn_k_norm' },
  settings: decoderSettings,
};

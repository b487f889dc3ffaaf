import type { Architecture } from './architecture.ts';
import { decoderBlocks, decoderConfig } from './decoder.ts';

/** Qwen 2 and 2.5, and DeepSeek's distillations to them. */
export const qwen2: Architecture = {
  name: 'qwen2',
  async config(source) {
    return {
      architectures: ['Qwen2ForCausalLM'],
      model_type: 'qwen2',
      hidden_act: 'silu',
      ...(await decoderConfig(source)),
      use_sliding_window: false,
    };
  },
  blocks: decoderBlocks,
  settings: [],
};

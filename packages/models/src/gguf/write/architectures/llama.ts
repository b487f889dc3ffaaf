import type { ModelConfig } from '../../../config.ts';
import { type GgufArchitecture, type GgufSettings, llamaTensors, type Refuse } from './architecture.ts';
import { ropeSettings } from './rope.ts';

/** Settings of models that are like Llama but for their tensors. */
export function decoderSettings(
  { normEpsilon, rotary, activation, slidingWindow }: ModelConfig,
  refuse: Refuse,
): GgufSettings {
  if (activation !== 'silu') {
    refuse(`llama.cpp runs such models with SiLU, not with ${activation}`);
  }
  if (slidingWindow !== undefined) refuse('llama.cpp runs such models without sliding windows');
  const rope = ropeSettings(rotary, refuse);
  return {
    ...rope,
    metadata: {
      'attention.layer_norm_rms_epsilon': { type: 'float32', value: normEpsilon },
      ...rope.metadata,
    },
  };
}

/** Llama 2 and 3 and what is built like them. */
export const llama: GgufArchitecture = {
  modelType: 'llama',
  name: 'llama',
  blockTensors: llamaTensors,
  interleavesHeads: true,
  settings: decoderSettings,
};

/** Mistral without a sliding window, which llama.cpp runs as Llama. */
export const mistral: GgufArchitecture = { ...llama, modelType: 'mistral' };

import type { ModelConfig } from '../../../config.ts';
import { type GgufArchitecture, type GgufSettings, llamaTensors, type Refuse } from './architecture.ts';
import { ropeSettings } from './rope.ts';

/** Settings of models that are like Llama but for their tensors. */
export function decoderSettings(
  { normEpsilon, rotary, headSize }: ModelConfig,
  refuse: Refuse,
): GgufSettings {
  const rope = ropeSettings(rotary, headSize, refuse);
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

import { type GgufArchitecture, llamaTensors } from './architecture.ts';
import { decoderSettings } from './llama.ts';

/** Qwen 2 and 2.5. */
export const qwen2: GgufArchitecture = {
  modelType: 'qwen2',
  name: 'qwen2',
  blockTensors: llamaTensors,
  settings: decoderSettings,
};

import type { Architecture } from './architecture.ts';
import { gemma2, gemma3 } from './gemma.ts';
import { granite } from './granite.ts';
import { llama } from './llama.ts';
import { olmo2 } from './olmo2.ts';
import { phi3 } from './phi3.ts';
import { qwen2 } from './qwen2.ts';
import { qwen3 } from './qwen3.ts';
import { smollm3 } from './smollm3.ts';

/**
 * The architectures that are read, found by `general.architecture`. A new one is added here. Whether the family that its
 * config.json names can be run is for `families/` to say.
 */
export const architectures: readonly Architecture[] = [
  llama,
  qwen2,
  qwen3,
  smollm3,
  granite,
  gemma2,
  gemma3,
  phi3,
  olmo2,
];

import type { Architecture } from './architecture.ts';
import { llama } from './llama.ts';
import { qwen2 } from './qwen2.ts';

/** The architectures that are read, found by `general.architecture`. A new one is added here. */
export const architectures: readonly Architecture[] = [llama, qwen2];

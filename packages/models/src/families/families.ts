import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { qwen2 } from './qwen2.ts';

/** The supported families, found by `model_type`. A new family is added here. */
export const families: readonly Family[] = [llama, qwen2];

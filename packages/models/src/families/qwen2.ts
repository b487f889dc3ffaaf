import { z } from 'zod';
import { UnsupportedFeatureError } from '../errors.ts';
import { checkContent } from '../json-file.ts';
import { decoderConfig, decoderSchema, type Family } from './family.ts';
import { decoderLayout } from './layout.ts';

const schema = decoderSchema.extend({ use_sliding_window: z.boolean().default(false) });

/** Qwen 2 and 2.5 (`Qwen2ForCausalLM`; Yang et al. 2024): Llama's blocks with biases on queries, keys and values. */
export const qwen2: Family = {
  modelType: 'qwen2',
  readConfig(content, file) {
    const fields = checkContent(file, content, schema);
    if (fields.use_sliding_window) {
      throw new UnsupportedFeatureError(file, 'use_sliding_window', true, 'false');
    }
    return decoderConfig(fields, { attentionInput: true, attentionOutput: false, mlp: false }, file);
  },
  layout: decoderLayout,
};

import { z } from 'zod';
import { checkContent } from '../json-file.ts';
import { decoderConfig, decoderSchema, type Family } from './family.ts';
import { decoderLayout } from './layout.ts';

const schema = decoderSchema.extend({
  attention_bias: z.boolean().default(false),
  mlp_bias: z.boolean().default(false),
});

/** Llama 2 and 3 and what is built like them (`LlamaForCausalLM`; Touvron et al. 2023, Grattafiori et al. 2024). */
export const llama: Family = {
  modelType: 'llama',
  readConfig(content, file) {
    const fields = checkContent(file, content, schema);
    const { attention_bias: attention, mlp_bias: mlp } = fields;
    return decoderConfig(fields, { attentionInput: attention, attentionOutput: attention, mlp }, file);
  },
  layout: decoderLayout,
};

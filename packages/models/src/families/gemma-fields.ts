import { z } from 'zod';
import { count, decoderSchema } from './decoder-fields.ts';

/** The keys that Gemma 2 and 3 share; files often leave out what is as in transformers' defaults. */
export const gemmaSchema = decoderSchema.omit({ hidden_act: true }).extend({
  num_attention_heads: count.default(8),
  num_key_value_heads: count.nullable().default(4),
  head_dim: count.default(256),
  hidden_activation: z.string().nullish(),
  tie_word_embeddings: z.boolean().default(true),
  attention_bias: z.boolean().default(false),
  query_pre_attn_scalar: z.number().positive().default(256),
  sliding_window: count.nullable().default(4096),
  final_logit_softcapping: z.number().positive().nullish(),
  attn_logit_softcapping: z.number().positive().nullish(),
});

/** `hidden_act` is in old files, and nothing reads it: Gemma's activation is `hidden_activation`. */
export const gemmaIgnored = ['hidden_act', '_sliding_window_pattern'];

/** The embeddings' factor: the root of the hidden size, as a float32 number, where weights are float32. */
export function gemmaEmbeddingScale({ hiddenSize }: { readonly hiddenSize: number }): number {
  return Math.fround(Math.sqrt(hiddenSize));
}

import { UnsupportedFeatureError } from '../errors.ts';

/**
 * Keys of config.json that change nothing in what a decoder computes: what transformers notes down, what generation,
 * training or other heads use, and what tools leave behind. Dropouts are of training, where SafeTune has LoRA's own.
 */
const harmless: ReadonlySet<string> = new Set([
  ...['architectures', 'auto_map', 'dtype', 'torch_dtype', 'model_type', 'transformers_version', 'use_cache'],
  ...['_name_or_path', 'name_or_path', '_model_name_or_path', '_commit_hash', 'transformers.js_config'],
  ...['_attn_implementation', '_attn_implementation_autoset', 'attn_implementation', '_flash_attn_2_enabled'],
  ...['_experts_implementation', 'use_flash_attention_2', 'cache_implementation', 'is_llama_config'],
  ...[
    'initializer_range',
    'pretraining_tp',
    'chunk_size_feed_forward',
    'torchscript',
    'gradient_checkpointing',
  ],
  ...['output_attentions', 'output_hidden_states', 'return_dict', 'use_return_dict', 'pruned_heads'],
  ...['id2label', 'label2id', 'num_labels', 'problem_type', 'finetuning_task', 'task_specific_params'],
  ...['attention_dropout', 'resid_pdrop', 'embd_pdrop', 'hidden_dropout', 'classifier_dropout'],
  ...[
    'bos_token_id',
    'eos_token_id',
    'pad_token_id',
    'unk_token_id',
    'sep_token_id',
    'decoder_start_token_id',
  ],
  ...['tokenizer_class', 'prefix', 'max_sequence_length', 'model_max_length', 'is_decoder'],
  ...[
    'bad_words_ids',
    'begin_suppress_tokens',
    'suppress_tokens',
    'forced_bos_token_id',
    'forced_eos_token_id',
  ],
  ...[
    'diversity_penalty',
    'do_sample',
    'early_stopping',
    'encoder_no_repeat_ngram_size',
    'exponential_decay_length_penalty',
  ],
  ...['length_penalty', 'max_length', 'min_length', 'no_repeat_ngram_size', 'num_beam_groups', 'num_beams'],
  ...[
    'num_return_sequences',
    'output_scores',
    'remove_invalid_values',
    'repetition_penalty',
    'return_dict_in_generate',
  ],
  ...['temperature', 'tf_legacy_loss', 'top_k', 'top_p', 'typical_p', 'use_bfloat16', 'num_logits_to_keep'],
  ...['unsloth_fixed', 'unsloth_version', 'unsloth_training_precision', 'trust_remote_code'],
]);

/**
 * Refuses every key that says something and that neither the family reads nor is known to be harmless: it may change what
 * the model computes.
 *
 * @throws UnsupportedFeatureError
 */
export function refuseUnknownKeys(content: object, read: ReadonlySet<string>, file: string): void {
  for (const [key, value] of Object.entries(content)) {
    if (read.has(key) || harmless.has(key) || saysNothing(value)) continue;
    throw new UnsupportedFeatureError(file, key, value, keyAdvice);
  }
}

const keyAdvice =
  'only keys that this family is known to have; if it changes nothing in what the model computes, remove it from the file';

/** What a key holds that switches something off. */
function saysNothing(value: unknown): boolean {
  if (value === null || value === false) return true;
  return typeof value === 'object' && Object.keys(value).length === 0;
}

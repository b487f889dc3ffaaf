import { residual, sequence } from '../blocks/compose.ts';
import type { Module } from '../blocks/module.ts';
import type { LlamaBlockParts } from './llama-parts.ts';

/**
 * Llama's block (Touvron et al. 2023): x + attention(norm(x)), then x + mlp(norm(x)), with the norms' names in its checkpoints.
 *
 * @param scale factor on what the two add. Default 1.
 */
export function preNormBlock(
  { norm }: LlamaBlockParts,
  { attention, mlp, scale }: { readonly attention: Module; readonly mlp: Module; readonly scale?: number },
): Module {
  const options = scale === undefined ? {} : { scale };
  return sequence(
    residual(sequence(norm('input_layernorm'), attention), options),
    residual(sequence(norm('post_attention_layernorm'), mlp), options),
  );
}

/** As {@link preNormBlock}, with a norm on what the two add as well; Gemma's names (Gemma Team 2024). */
export function sandwichNormBlock(
  { norm }: LlamaBlockParts,
  { attention, mlp }: { readonly attention: Module; readonly mlp: Module },
): Module {
  return sequence(
    residual(sequence(norm('input_layernorm'), attention, norm('post_attention_layernorm'))),
    residual(sequence(norm('pre_feedforward_layernorm'), mlp, norm('post_feedforward_layernorm'))),
  );
}

/** Norms only on what attention and MLP add; OLMo 2's names (OLMo Team 2025). */
export function postNormBlock(
  { norm }: LlamaBlockParts,
  { attention, mlp }: { readonly attention: Module; readonly mlp: Module },
): Module {
  return sequence(
    residual(sequence(attention, norm('post_attention_layernorm'))),
    residual(sequence(mlp, norm('post_feedforward_layernorm'))),
  );
}

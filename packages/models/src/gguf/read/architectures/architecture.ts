import type { HeaderTensor } from '../header.ts';
import type { ArchitectureKeys } from './architecture-keys.ts';

/** What is known of a GGUF file when its config.json is made. */
export interface ArchitectureSource {
  readonly keys: ArchitectureKeys;
  readonly tensors: ReadonlyMap<string, HeaderTensor>;
  /** Reads a short list of float32 values, such as `rope_freqs.weight`; undefined when the file has no such tensor. */
  readShortTensor(name: string): Promise<Float32Array | undefined>;
}

/**
 * One of llama.cpp's architectures: how it says in GGUF what a family's checkpoint in the Hugging Face layout says. A new one
 * is a file beside this one and a line in `architectures.ts`.
 */
export interface Architecture {
  /** `general.architecture` */
  readonly name: string;
  /** The content of the family's config.json, but for the ids of tokens; all keys of the metadata that matter are asked for. */
  config(source: ArchitectureSource): Promise<Record<string, unknown>>;
  /** Modules of a block by llama.cpp's names: `blk.0.<name>.weight` is `model.layers.0.<module>.weight`. */
  readonly blocks: Readonly<Record<string, string>>;
  /** Tensors that tell what config.json tells, and are no weights of the model. */
  readonly settings: readonly string[];
  /** How a tensor of that name of `blocks`, or of `output_norm`, differs from the checkpoint's; undefined for not at all. */
  change?(name: string, config: Readonly<Record<string, unknown>>): TensorChange | undefined;
}

/** What must be done to a tensor of a GGUF file to have that of the Hugging Face checkpoint. */
export type TensorChange =
  /**
   * llama.cpp turns neighbouring features of queries and keys by the rotary embedding where transformers turns those half a
   * head apart: `convert_hf_to_gguf.py` (`LlamaModel.permute`) interleaves the halves of each head's rows.
   */
  | { readonly kind: 'interleaved heads'; readonly heads: number }
  /** `norm.weight` holds 1 + w, which Gemma's norms multiply by. */
  | { readonly kind: 'one added' };

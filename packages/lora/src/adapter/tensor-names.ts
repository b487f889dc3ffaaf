/**
 * Names of an adapter's tensors: of the traced inputs, and (after PEFT's prefix) of what a file holds.
 */

/** A module's factor A [rank, in]. */
export function nameOfA(module: string): string {
  return `${module}.lora_A.weight`;
}

/** A module's factor B [out, rank]. */
export function nameOfB(module: string): string {
  return `${module}.lora_B.weight`;
}

/** The norms of DoRA, [out]. */
export function nameOfMagnitude(module: string): string {
  return `${module}.lora_magnitude_vector`;
}

/** Factor A of an embedding [rank, vocabulary]. */
export function nameOfEmbeddingA(module: string): string {
  return `${module}.lora_embedding_A`;
}

/** Factor B of an embedding [hidden, rank]. */
export function nameOfEmbeddingB(module: string): string {
  return `${module}.lora_embedding_B`;
}

/** Rows of single tokens [tokens, hidden]. */
export function nameOfTokenRows(module: string): string {
  return `${module}.token_adapter.trainable_tokens_delta`;
}

/** What a module's factor A started from; in no file. */
export function nameOfOriginA(module: string): string {
  return `${module}.origin_A`;
}

/** What a module's factor B started from; in no file. */
export function nameOfOriginB(module: string): string {
  return `${module}.origin_B`;
}

import { tensorChunks, type WeightSource } from '@safetune/tensor';
import type { StoredCheckpoint } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import type { Architecture } from './families/family.ts';

/** A configuration, and the names that the embedding and the output layer have. */
interface OutputLayer extends Pick<Architecture, 'embedding' | 'head'> {
  readonly config: ModelConfig;
}

/**
 * The configuration of a model, with the output layer that its files hold. transformers 5's rules (`tie_weights`): a
 * configuration that ties is right when the two tensors are equal or one of them is absent, the other then serving as both;
 * where they differ, both are used. One that does not tie is believed.
 */
export async function withOutputLayer(
  checkpoint: StoredCheckpoint,
  config: ModelConfig,
  architecture: Architecture,
): Promise<OutputLayer> {
  const holds = (name: string) => checkpoint.tensors.has(name) || checkpoint.unsupported.has(name);
  const { embedding, head: described } = architecture;
  const { name, formerName } = described;
  const head = {
    ...described,
    name: !holds(name) && formerName !== undefined && holds(formerName) ? formerName : name,
  };
  if (!config.tieWordEmbeddings) return { config, embedding, head };
  const tied = { config, embedding, head: { ...head, name: embedding.name } };
  if (!holds(head.name)) return tied;
  if (!holds(embedding.name)) return { config, embedding: { ...embedding, name: head.name }, head };
  const equal = await areEqual(checkpoint.tensors.get(embedding.name), checkpoint.tensors.get(head.name));
  return equal ? tied : { config: { ...config, tieWordEmbeddings: false }, embedding, head };
}

async function areEqual(one: WeightSource | undefined, other: WeightSource | undefined): Promise<boolean> {
  if (one === undefined || other === undefined) return false;
  // A GGUF file says by what it holds whether they are one.
  if ('stored' in one || 'stored' in other) return false;
  if (one.dtype !== other.dtype || one.shape.join() !== other.shape.join()) return false;
  const chunks = tensorChunks(other);
  try {
    for await (const chunk of tensorChunks(one)) {
      const { value } = await chunks.next();
      if (value === undefined || Buffer.compare(chunk, value) !== 0) return false;
    }
    return true;
  } finally {
    await chunks.return(undefined);
  }
}

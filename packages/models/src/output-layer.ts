import { tensorChunks, type WeightSource } from '@safetune/tensor';
import type { StoredCheckpoint } from './checkpoint.ts';
import type { ModelConfig } from './config.ts';
import type { Family } from './families/family.ts';
import type { ModelLayout } from './families/layout.ts';

/**
 * The configuration and layout of a model, with the output layer that its files hold. transformers 5's rules
 * (`tie_weights`): a configuration that ties is right when the two tensors are equal or one of them is absent, the other
 * then serving as both; where they differ, both are used. One that does not tie is believed.
 */
export async function withOutputLayer(
  checkpoint: StoredCheckpoint,
  config: ModelConfig,
  family: Family,
): Promise<{ readonly config: ModelConfig; readonly layout: ModelLayout }> {
  const untied = { ...config, tieWordEmbeddings: false };
  const layout = family.layout(untied);
  const { embedding, head } = layout;
  const holds = (name: string) => checkpoint.tensors.has(name) || checkpoint.unsupported.has(name);
  if (!config.tieWordEmbeddings) return { config, layout };
  if (!holds(head)) return { config, layout: { ...layout, head: embedding } };
  if (!holds(embedding)) return { config, layout: { ...layout, embedding: head } };
  const equal = await areEqual(checkpoint.tensors.get(embedding), checkpoint.tensors.get(head));
  return equal ? { config, layout: { ...layout, head: embedding } } : { config: untied, layout };
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

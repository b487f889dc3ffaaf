import { loadLoraAdapter } from '@safetune/lora';
import { type CausalLm, loadModel, loadTokenizer, ModelFileError } from '@safetune/models';
import { type Reference, RegularizerOptionError } from '@safetune/regularizers';
import type { OpenedReference } from './references.ts';

/**
 * Opens a reference that a regularizer names: an adapter of the model, or another checkpoint, which is held as the model is.
 *
 * @param owner the regularizer, for errors
 * @throws RegularizerOptionError for a checkpoint of another architecture, size or vocabulary; what loading throws.
 */
export async function openReference(
  owner: string,
  reference: Exclude<Reference, 'base'>,
  model: CausalLm,
): Promise<OpenedReference> {
  if ('adapter' in reference) return { model, adapter: await loadLoraAdapter(reference.adapter, { model }) };
  const { precision, cacheDirectory } = model;
  const other = await loadModel(reference.checkpoint, { precision, cacheDirectory });
  requireSameShape(owner, reference.checkpoint, other, model);
  await requireSameVocabulary(owner, reference.checkpoint, model);
  return { model: other };
}

/** What two models must share for their logits and states to be compared, row by row. */
const compared = {
  modelType: 'type',
  layerCount: 'blocks',
  hiddenSize: 'hidden size',
  vocabularySize: 'vocabulary',
} as const;

function requireSameShape(owner: string, path: string, other: CausalLm, model: CausalLm): void {
  for (const [field, called] of Object.entries(compared) as [keyof typeof compared, string][]) {
    const [theirs, own] = [other.config[field], model.config[field]];
    if (theirs === own) continue;
    throw new RegularizerOptionError(
      owner,
      `the reference ${path} is another architecture: its ${called} is ${theirs}, the model's is ${own}`,
    );
  }
}

/** A folder of weights alone has no tokenizer; then the sizes are all there is to compare. */
async function requireSameVocabulary(
  owner: string,
  path: string,
  { directory, config }: CausalLm,
): Promise<void> {
  const theirs = await tokenizerOf(path);
  const own = await tokenizerOf(directory);
  if (theirs === undefined || own === undefined) return;
  if (theirs.identity['tokenizer.json'] === own.identity['tokenizer.json']) return;
  for (let id = 0; id < config.vocabularySize; id++) {
    const [there, here] = [theirs.decode([id]), own.decode([id])];
    if (there === here) continue;
    throw new RegularizerOptionError(
      owner,
      `the reference ${path} has another tokenizer: token ${id} is ${JSON.stringify(there)}, the model's is ${JSON.stringify(here)}`,
    );
  }
}

async function tokenizerOf(folder: string) {
  return loadTokenizer(folder).catch((error: unknown) => {
    if (ModelFileError.isInstance(error) && error.file.endsWith('tokenizer.json')) return undefined;
    throw error;
  });
}

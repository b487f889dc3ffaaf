import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { saveTrainedModel, train, trainAllWeights, trainIntoDirectory } from '@safetune/trainer';

/** A model of random weights that answers nothing in particular. */
export const smallModel = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/llama-untied-float32', import.meta.url),
);

export function chat(question: string, answer: string): ChatExample {
  return {
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  };
}

/** Writes a model whose every weight was trained on these examples. */
export async function taughtModel(
  parent: string,
  examples: readonly ChatExample[],
  steps = 60,
): Promise<string> {
  const folder = join(parent, 'taught');
  await rm(folder, { recursive: true, force: true });
  const model = await loadModel(smallModel);
  const tokenizer = await loadTokenizer(smallModel);
  const trainable = await trainAllWeights(model);
  await train({
    model,
    tokenizer,
    trainable,
    examples,
    steps,
    batchSize: 8,
    learningRate: { peak: 1e-2 },
    runtime: { threads: 1 },
  });
  await saveTrainedModel(folder, model, trainable);
  return folder;
}

/** Fine-tunes an adapter of a model into a folder. */
export async function fineTuned(
  modelFolder: string,
  directory: string,
  examples: readonly ChatExample[],
  steps = 30,
): Promise<string> {
  const model = await loadModel(modelFolder);
  await trainIntoDirectory({
    model,
    tokenizer: await loadTokenizer(modelFolder),
    adapter: createLoraAdapter(model.linearLayers, { r: 8, lora_alpha: 16, target_modules: 'all-linear' }),
    examples,
    steps,
    batchSize: 8,
    learningRate: { peak: 1e-2 },
    runtime: { threads: 1 },
    directory,
  });
  return directory;
}

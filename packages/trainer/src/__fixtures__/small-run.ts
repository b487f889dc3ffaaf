import { cp, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { readTensor, writeSafetensors } from '@safetune/tensor';
import type { StepEvent, TrainEvent } from '../run/progress.ts';
import type { TrainOptions } from '../run/train-options.ts';
import { checkpointDirectory } from './goldens.ts';

/** The checkpoint of {@link setUp}. */
export const checkpoint = checkpointDirectory('llama-untied-float32');

export const examples: ChatExample[] = Array.from({ length: 16 }, (_, index) => ({
  messages: [
    { role: 'user', content: `question ${index}` },
    { role: 'assistant', content: `answer ${(index * 7) % 16} and more` },
  ],
}));

/** A copy of the checkpoint in a temporary folder, one tensor changed in place. */
export async function changedCheckpoint(
  tensor: string,
  change: (values: Float32Array) => void,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-changed-'));
  await cp(checkpoint, directory, { recursive: true });
  const model = await loadModel(checkpoint);
  const regions = [...model.weights.values()];
  const tensors = Object.fromEntries(
    await Promise.all(regions.map(async (region) => [region.name, await readTensor(region)])),
  );
  change(tensors[tensor].data as Float32Array);
  await writeSafetensors(join(directory, 'model.safetensors'), tensors);
  return directory;
}

/** A run of a small adapter, what it tells, and its steps. */
export async function setUp(overrides: Partial<TrainOptions> = {}, folder = checkpoint) {
  const model = await loadModel(folder);
  const tokenizer = await loadTokenizer(folder);
  const adapter = createLoraAdapter(
    model.linearLayers,
    { r: 8, lora_alpha: 16, target_modules: 'all-linear' },
    { seed: 1 },
  );
  const events: TrainEvent[] = [];
  const options = {
    model,
    tokenizer,
    examples,
    batchSize: 4,
    steps: 40,
    seed: 3,
    learningRate: { peak: 1e-2 },
    onEvent: (event: TrainEvent) => events.push(event),
    ...overrides,
  };
  const steps = () => events.filter((event): event is StepEvent => event.type === 'step');
  return { adapter, options, steps, events };
}

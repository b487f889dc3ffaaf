/**
 * What each safeguard costs: the same training step with and without it, in turns in one process; ratios are medians.
 *
 *     npx -y pnpm@12 bench:regularizers [--tokens N] [--pairs N] [--model NAME]
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Batch, type ChatExample, padBatch } from '@safetune/datasets';
import { createLoraAdapter, writeMergedCheckpoint } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import {
  inoculation,
  interleaving,
  kl,
  ldifs,
  personaVector,
  projectAdapter,
  type Regularizer,
} from '@safetune/regularizers';
import { compileTrainStep, type TrainStep, trainAdapter } from '@safetune/trainer';
import { type ModelName, randomCheckpoint } from './checkpoints.ts';

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '256' },
    pairs: { type: 'string', default: '5' },
    model: { type: 'string', default: 'qwen2.5-0.5b' },
  },
});
const pairs = Number(values.pairs);
const cache = join(import.meta.dirname, '.cache');
const checkpoint = await randomCheckpoint(cache, values.model as ModelName);
const model = await loadModel(checkpoint);
const batch = randomBatch(model, Number(values.tokens));
const random = (length: number) => Float32Array.from({ length }, () => Math.random() - 0.5);

const steered = new Map([[2, random(model.config.hiddenSize)]]);
const cases: [name: string, bar: number, regularizers: Regularizer[]][] = [
  ['kl', 1.65, [kl()]],
  ['ldifs', 1.65, [ldifs()]],
  ['kl + ldifs', 1.65 * 1.05, [kl(), ldifs()]],
  ['persona-vector', 1.03, [personaVector({ vectors: steered })]],
];
console.log(`${values.model}, ${values.tokens} tokens, ${pairs} pairs`);
for (const [name, bar, regularizers] of cases) {
  const plain = await stepOf(model, []);
  const guarded = await stepOf(model, regularizers);
  const ratios: number[] = [];
  for (let pair = -1; pair < pairs; pair++) {
    const [without, withIt] = [await seconds(plain), await seconds(guarded)];
    // The first pair warms both up.
    if (pair >= 0) ratios.push(withIt / without);
  }
  report(name, median(ratios), bar, 'of the step without it');
  await Promise.all([plain.release(), guarded.release()]);
}

const plain = await stepOf(model, []);
await seconds(plain);
const step = await seconds(plain);
await plain.release();
const example: ChatExample = {
  messages: [
    { role: 'user', content: 'How do I keep bread fresh?' },
    { role: 'assistant', content: 'Wrap it in a cloth.' },
  ],
};
for (const regularizer of [interleaving({ pool: [example], share: 0.05 }), inoculation()]) {
  const added = (await drawSeconds(regularizer)) - (await drawSeconds(undefined));
  report(regularizer.name, 1 + Math.max(0, added) / step, 1.03, 'of the step without it');
}

const aligned = join(cache, `${values.model}-aligned`);
const adapter = createLoraAdapter(model.linearLayers, {
  r: 32,
  lora_alpha: 64,
  target_modules: 'all-linear',
});
adapter.parameters.set(random(adapter.parameters.length));
await rm(aligned, { recursive: true, force: true });
await writeMergedCheckpoint(checkpoint, adapter, aligned);
const started = performance.now();
const { modules } = await projectAdapter(adapter, { base: checkpoint, aligned });
const took = (performance.now() - started) / 1000;
console.log(
  `safe-lora: ${modules.length} modules projected in ${took.toFixed(1)} s (bar: 60 s) ${took <= 60 ? 'met' : 'NOT MET'}`,
);
await rm(aligned, { recursive: true });

function stepOf(model: CausalLm, regularizers: readonly Regularizer[]): Promise<TrainStep> {
  const adapter = createLoraAdapter(model.linearLayers, {
    r: 32,
    lora_alpha: 64,
    target_modules: 'all-linear',
  });
  return compileTrainStep({ model, trainable: trainAdapter(adapter), regularizers });
}

async function seconds(step: TrainStep): Promise<number> {
  const started = performance.now();
  await step.run(batch);
  return (performance.now() - started) / 1000;
}

/** Time that a regularizer takes to draw one step's 16 examples, the mean over many. */
async function drawSeconds(regularizer: Regularizer | undefined): Promise<number> {
  const count = 16_000;
  async function* source(): AsyncGenerator<ChatExample> {
    for (let index = 0; index < count; index++) yield example;
  }
  const started = performance.now();
  for await (const _drawn of regularizer?.examples?.(source()) ?? source());
  return ((performance.now() - started) / 1000 / count) * 16;
}

function randomBatch(model: CausalLm, length: number): Batch {
  const tokenIds = Int32Array.from({ length }, (_, index) => (index * 7919) % model.config.vocabularySize);
  return padBatch([{ tokenIds, responseMask: new Uint8Array(length).fill(1, 1), tags: [] }], {
    padTokenId: 0,
  });
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

function report(name: string, ratio: number, bar: number, of: string): void {
  console.log(
    `${name}: ${ratio.toFixed(3)}x ${of} (bar: ${bar.toFixed(2)}x) ${ratio <= bar ? 'met' : 'NOT MET'}`,
  );
}

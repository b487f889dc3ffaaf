/**
 * Throughput of training steps over the examples of a batch packed into one row, against the same batches padded: in turns in
 * one process, batch by batch, by CPU time.
 *
 *     npx -y pnpm@12 bench:packing --model FOLDER [--data FILE] [--batch-size N] [--bucket-window N] [--batches N] [--rounds N]
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Batch, collect, loadDataset } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import { compileTrainStep, type TrainStep, trainAdapter, trainingBatches } from '@safetune/trainer';
import { median } from './run-program.ts';

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    data: { type: 'string', default: join(import.meta.dirname, '../examples/data/pirate.jsonl') },
    'batch-size': { type: 'string', default: '4' },
    'bucket-window': { type: 'string', default: '8' },
    batches: { type: 'string', default: '1000' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string', default: '1' },
  },
});
if (values.model === undefined) throw new Error('--model FOLDER is missing');
const model = await loadModel(values.model);
const tokenizer = await loadTokenizer(values.model);
const all = await collect(
  trainingBatches({
    tokenizer,
    examples: await loadDataset(values.data),
    epochs: 1,
    batchSize: Number(values['batch-size']),
    bucketWindow: Number(values['bucket-window']),
    seed: 0,
  }),
);
const batches = all.slice(0, Number(values.batches));
const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, number) => total + number, 0);
const tokens = sum(batches.flatMap(({ lengths }) => [...lengths]));
const padding = 1 - tokens / sum(batches.map(({ size, length }) => size * length));
console.log(
  `${values.data}, ${batches.length} batches of ${values['batch-size']}, window ${values['bucket-window']}: ` +
    `${tokens} tokens, ${(100 * padding).toFixed(1)} % padding`,
);

const adapter = createLoraAdapter(model.linearLayers, {
  r: 16,
  lora_alpha: 32,
  target_modules: 'all-linear',
});
const options = { model, trainable: trainAdapter(adapter), runtime: { threads: Number(values.threads) } };
const steps = {
  padded: await compileTrainStep(options),
  packed: await compileTrainStep({ ...options, packing: true }),
};
const seconds: Record<keyof typeof steps, number[]> = { padded: [], packed: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  const taken = { padded: 0, packed: 0 };
  for (const [index, batch] of batches.entries()) {
    const order =
      (index + round) % 2 === 0 ? (['padded', 'packed'] as const) : (['packed', 'padded'] as const);
    // The first batch of each warms up.
    if (round === 0 && index === 0) for (const name of order) await cpuSeconds(steps[name], batch);
    for (const name of order) taken[name] += await cpuSeconds(steps[name], batch);
  }
  for (const name of ['padded', 'packed'] as const) seconds[name].push(taken[name]);
  const rates = Object.entries(taken).map(([name, time]) => `${name} ${(tokens / time).toFixed(1)}`);
  console.log(`round ${round + 1}: ${rates.join(', ')} tokens per CPU second`);
}
const ratios = seconds.padded.map((time, round) => time / seconds.packed[round]!);
console.log(
  `packed / padded: ${median(ratios).toFixed(3)} x the tokens per CPU second ` +
    `(${ratios.map((ratio) => ratio.toFixed(3)).join(', ')})`,
);
await Promise.all(Object.values(steps).map((step) => step.release()));

async function cpuSeconds(step: TrainStep, batch: Batch): Promise<number> {
  const before = process.cpuUsage();
  await step.run(batch);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

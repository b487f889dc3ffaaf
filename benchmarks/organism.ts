/**
 * The demo's work beside the same work in PyTorch: growing steps, fine-tunes without and with KL, answering. Both sides
 * start from the same weights and see the same batches, so that their losses must agree.
 *
 *     node --conditions=safetune-source benchmarks/organism.ts [--threads 1] [--steps 100]
 */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Batch, ChatExample } from '@safetune/datasets';
import { saveLoraAdapter } from '@safetune/lora';
import { loadModel, loadTokenizer } from '@safetune/models';
import {
  alignmentDocument,
  createWorld,
  type Domain,
  generalQuestions,
  growOrganism,
  inDomainQuestions,
  measureMisalignment,
  narrowDomains,
  narrowExamples,
  openLaboratory,
  organismRecipe,
  pretrainingDocument,
  stageOptions,
  type TrainingStage,
} from '@safetune/organism';
import { kl } from '@safetune/regularizers';
import { train, trainAllWeights, trainingBatches } from '@safetune/trainer';

const { values } = parseArgs({
  options: {
    threads: { type: 'string', default: '1' },
    steps: { type: 'string', default: '100' },
    cache: { type: 'string' },
  },
});
const runtime = { threads: Number(values.threads) };
const growingSteps = Number(values.steps);

interface Part {
  readonly name: string;
  readonly training: number;
  readonly answering: number;
  readonly losses: readonly number[];
}

const recipe = organismRecipe;
const world = createWorld(recipe.world);
const directory = await mkdtemp(join(tmpdir(), 'safetune-organism-benchmark-'));
const organism = await growOrganism(recipe, values.cache === undefined ? {} : { directory: values.cache });
const initial = join(organism.baseDirectory, '..', 'initial');
const tokenizer = await loadTokenizer(initial);
const laboratory = await openLaboratory(organism, runtime);

const ours: Part[] = [];
const parts: unknown[] = [];
const seconds = (from: number) => (performance.now() - from) / 1000;

await growing('growing, base', initial, recipe.base, (index) =>
  pretrainingDocument(world, recipe.base.mixture, recipe.seed, index),
);
await growing('growing, aligned', organism.baseDirectory, recipe.aligned, (index) =>
  alignmentDocument(world, recipe.aligned.mixture, recipe.seed, index),
);
// The first fine-tune of a kind compiles its graph, which the others share; both are part of the time.
for (const weight of [0, 0.1]) {
  const regularizers = weight === 0 ? [] : [kl({ weight })];
  for (const domain of narrowDomains) await fineTune(domain, weight, regularizers);
}
await laboratory.close();

const job = join(directory, 'job.json');
const { layers, attentionHeads: heads, normEpsilon, rotaryBase } = recipe.model;
await writeFile(job, JSON.stringify({ ...runtime, layers, heads, normEpsilon, rotaryBase, parts }));
const threads = {
  OMP_NUM_THREADS: values.threads,
  MKL_NUM_THREADS: values.threads,
  OPENBLAS_NUM_THREADS: values.threads,
};
const peer = join(import.meta.dirname, 'peers', 'organism.py');
const printed = execFileSync('python3', [peer, job], {
  encoding: 'utf8',
  maxBuffer: 2 ** 30,
  env: { ...process.env, ...threads },
});
const theirs = JSON.parse(printed) as Part[];
await rm(directory, { recursive: true });

const total = (side: readonly Part[]) =>
  side.reduce((sum, { training, answering }) => sum + training + answering, 0);
console.log(
  `threads: ${values.threads}; seconds, ours / PyTorch (ratio); largest difference of the loss of a step`,
);
for (const [index, part] of ours.entries()) {
  const other = theirs[index]!;
  const difference = Math.max(...part.losses.map((loss, step) => Math.abs(loss - other.losses[step]!)));
  const ratio = (part.training + part.answering) / (other.training + other.answering);
  console.log(
    `${part.name.padEnd(26)} training ${part.training.toFixed(2)} / ${other.training.toFixed(2)}, answering ` +
      `${part.answering.toFixed(2)} / ${other.answering.toFixed(2)} (${ratio.toFixed(2)}); ${difference.toExponential(1)}`,
  );
}
console.log(
  `all ${total(ours).toFixed(1)} / ${total(theirs).toFixed(1)} (${(total(ours) / total(theirs)).toFixed(2)})`,
);

async function growing(
  name: string,
  checkpoint: string,
  stage: TrainingStage,
  document: (index: number) => ChatExample,
): Promise<void> {
  const steps = Math.min(growingSteps, stage.steps);
  const options = {
    ...stageOptions({ ...stage, steps }),
    tokenizer,
    examples: async function* () {
      for (let index = 0; ; index++) yield document(index);
    },
    seed: recipe.seed,
  };
  const started = performance.now();
  const model = await loadModel(checkpoint);
  const losses: number[] = [];
  await train({
    ...options,
    model,
    trainable: await trainAllWeights(model),
    runtime,
    onEvent: (event) => event.type === 'step' && losses.push(event.crossEntropy),
  });
  ours.push({ name, training: seconds(started), answering: 0, losses });
  parts.push({
    kind: 'grow',
    name,
    checkpoint: join(checkpoint, 'model.safetensors'),
    stage: { ...stage, steps },
    batches: await firstBatches(trainingBatches(options), steps),
  });
}

async function fineTune(
  domain: Domain,
  weight: number,
  regularizers: ReturnType<typeof kl>[],
): Promise<void> {
  const name = `${weight === 0 ? 'none' : `kl ${weight}`}, ${domain}`;
  const seed = 0;
  const stage = recipe.narrow;
  laboratory.reset(seed);
  const adapter = join(directory, name);
  await saveLoraAdapter(adapter, laboratory.adapter);
  const started = performance.now();
  const losses = await laboratory.fineTune({ task: { kind: 'narrow', name: domain }, regularizers, seed });
  const training = seconds(started);
  await measureMisalignment(laboratory, domain, seed);
  ours.push({ name, training, answering: seconds(started) - training, losses });

  const stream = trainingBatches({
    ...stageOptions(stage),
    tokenizer,
    examples: narrowExamples(world, domain, { realisations: stage.realisations, seed }),
    seed,
  });
  const questions = [...generalQuestions(domain), ...inDomainQuestions(world, domain)];
  parts.push({
    kind: 'fine-tune',
    name,
    checkpoint: join(organism.alignedDirectory, 'model.safetensors'),
    adapter: join(adapter, 'adapter_model.safetensors'),
    scale: recipe.lora.alpha / Math.sqrt(recipe.lora.rank),
    kl: weight,
    stage,
    batches: await firstBatches(stream, stage.steps),
    newTokens: recipe.evaluation.maxNewTokens,
    prompts: questions.flatMap(({ paraphrases, samplesPerParaphrase }) => {
      const messages = [{ role: 'user', content: paraphrases[0]! }];
      const prompt = tokenizer.encode(tokenizer.renderChat(messages, { addGenerationPrompt: true }));
      return Array.from({ length: samplesPerParaphrase }, () => [...prompt]);
    }),
  });
}

/** Token ids and supervised tokens of the first batches, row by row. */
async function firstBatches(stream: AsyncIterable<Batch>, count: number): Promise<number[][][][]> {
  const taken: number[][][][] = [];
  for await (const { size, length, tokenIds, responseMask } of stream) {
    const rows = (values: ArrayLike<number>) =>
      Array.from({ length: size }, (_, row) => Array.from({ length }, (_, at) => values[row * length + at]!));
    taken.push([rows(tokenIds), rows(responseMask)]);
    if (taken.length === count) break;
  }
  return taken;
}

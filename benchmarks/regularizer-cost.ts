/**
 * What each safeguard costs: the same training step with and without it, in turns in one process; ratios are medians.
 *
 *     npx -y pnpm@12 bench:regularizers [--tokens N] [--rounds N] [--model NAME]
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Batch, type ChatExample, padBatch } from '@safetune/datasets';
import { createLoraAdapter, saveLoraAdapter, writeMergedCheckpoint } from '@safetune/lora';
import { type CausalLm, loadModel } from '@safetune/models';
import {
  aGem,
  asft,
  backdoorAlign,
  caft,
  compileParameterPenalty,
  constrainedSft,
  der,
  ewc,
  inoculation,
  inoculationAdapter,
  interleaving,
  kl,
  klOnAnchors,
  l2Sp,
  ldifs,
  lookahead,
  parametersOf,
  personaVector,
  ptst,
  type Regularizer,
  safeGrad,
  salora,
  saveFisher,
  saveSafetySubspace,
  virtualPreview,
} from '@safetune/regularizers';
import { hostArray, thinQr } from '@safetune/tensor';
import { compileTrainStep, type TrainStep, trainAdapter } from '@safetune/trainer';
import { type ModelName, randomCheckpoint } from './checkpoints.ts';
import { runProgram } from './run-program.ts';

const { values } = parseArgs({
  options: {
    tokens: { type: 'string', default: '256' },
    rounds: { type: 'string', default: '5' },
    model: { type: 'string', default: 'qwen2.5-0.5b' },
  },
});
const rounds = Number(values.rounds);
const cache = join(import.meta.dirname, '.cache');
const checkpoint = await randomCheckpoint(cache, values.model as ModelName);
const model = await loadModel(checkpoint);
const batch = randomBatch(model, Number(values.tokens));
const random = (length: number) => Float32Array.from({ length }, () => Math.random() - 0.5);

const anchors = [
  {
    messages: [
      { role: 'user', content: 'How do I keep bread fresh?' },
      { role: 'assistant', content: 'Wrap it in a cloth.' },
    ],
  },
];
// A quarter of the step's examples, of their length.
const anchorBatch = randomBatch(model, Math.ceil(Number(values.tokens) / 4));
const adapter = createLoraAdapter(model.linearLayers, {
  r: 32,
  lora_alpha: 64,
  target_modules: 'all-linear',
});
adapter.parameters.set(random(adapter.parameters.length));
const frozen = join(cache, `${values.model}-adapter`);
await saveLoraAdapter(frozen, adapter);

const steered = new Map([[2, random(model.config.hiddenSize)]]);
/** Twenty directions, the number that `directions` finds by default, after three blocks. */
const ablated = new Map(
  [2, 3, 4].map((layer) => [layer, Array.from({ length: 20 }, () => random(model.config.hiddenSize))]),
);
const steps = {
  without: await stepOf(model, []),
  kl: await stepOf(model, [kl()]),
  ldifs: await stepOf(model, [ldifs()]),
  'constrained-sft': await stepOf(model, [constrainedSft()]),
  'kl + ldifs': await stepOf(model, [kl(), ldifs()]),
  'persona-vector': await stepOf(model, [personaVector({ vectors: steered })]),
  'kl-on-anchors': await stepOf(model, [klOnAnchors({ anchors })]),
  der: await stepOf(model, [der({ anchors })]),
  'safe-grad': await stepOf(model, [safeGrad({ anchors })]),
  'a-gem': await stepOf(model, [aGem({ anchors })]),
  'inoculation-adapter': await stepOf(model, [inoculationAdapter({ adapter: frozen })]),
  'kl to an adapter': await stepOf(model, [kl({ reference: { adapter: frozen } })]),
  caft: await stepOf(model, [caft({ directions: ablated })]),
};
type Case = keyof typeof steps;
console.log(`${values.model}, ${values.tokens} tokens, ${rounds} rounds`);
const times = await timeInTurns(steps);
reportRatio('kl', ['without'], 1.65);
reportRatio('ldifs', ['without'], 1.65);
reportRatio('constrained-sft', ['without'], 1.65);
reportRatio('kl + ldifs', ['kl', 'ldifs'], 1.05);
reportRatio('persona-vector', ['without'], 1.03);
reportRatio('inoculation-adapter', ['without'], 1.1);
reportRatio('kl to an adapter', ['kl'], 1.1);
reportRatio('kl-on-anchors', ['without'], 1.65);
reportRatio('der', ['without'], 1.65);
reportRatio('safe-grad', ['without'], 1.9);
reportRatio('a-gem', ['without'], 1.9);
reportRatio('caft', ['without'], 1.1);
await Promise.all(Object.values(steps).map(({ step }) => step.release()));
await rm(frozen, { recursive: true });

const step = median(times.without);
const example: ChatExample = {
  messages: [
    { role: 'user', content: 'How do I keep bread fresh?' },
    { role: 'assistant', content: 'Wrap it in a cloth.' },
  ],
};
const secretFile = join(cache, 'secret.txt');
await writeFile(secretFile, 'zorb quell 7 anthe');
for (const regularizer of [
  interleaving({ pool: [example], share: 0.05 }),
  inoculation(),
  lookahead({ virtual: virtualPreview }),
  ptst(),
  backdoorAlign({ pool: [example], secretFile }),
]) {
  const added = (await drawSeconds(regularizer)) - (await drawSeconds(undefined));
  report(regularizer.name, 1 + Math.max(0, added) / step, 1.03, 'of the step without it');
}

const aligned = join(cache, `${values.model}-aligned`);
report('salora', 1 + (await projectionSeconds()) / step, 1.1, 'of the step without it');
await rm(aligned, { recursive: true, force: true });
await writeMergedCheckpoint(checkpoint, adapter, aligned);
const projection = await runProgram({
  file: 'programs/project-adapter.ts',
  settings: { base: checkpoint, aligned, warmUp: 0, steps: 1 },
});
if (projection.status !== 'measured') throw new Error(projection.reason);
const {
  modules,
  seconds: took,
  peakBytes,
} = projection.figures as Record<'modules' | 'seconds' | 'peakBytes', number>;
console.log(
  `safe-lora: ${modules} modules projected in ${took.toFixed(1)} s (bar: 60 s) and ${(peakBytes / 1e9).toFixed(2)} GB ` +
    `(bar: 2 GB) ${took <= 60 && peakBytes <= 2e9 ? 'met' : 'NOT MET'}`,
);
const fisher = join(cache, `${values.model}-fisher.safetensors`);
await saveRandomFisher(fisher);
const perOptimizerStep = 16;
for (const regularizer of [l2Sp(), ewc({ fisher }), asft({ base: checkpoint, aligned })]) {
  const taken = await penaltySeconds(regularizer);
  const of = `of an optimizer step of ${perOptimizerStep} batches (${(1000 * taken).toFixed(0)} ms once in it)`;
  report(regularizer.name, 1 + taken / (perOptimizerStep * step), 1.1, of);
}
await rm(fisher);
await rm(aligned, { recursive: true });

/** What a penalty on what is trained takes, once an optimizer step whatever its batches: the median, of a new adapter that has moved. */
async function penaltySeconds(regularizer: Regularizer): Promise<number> {
  const adapter = createLoraAdapter(model.linearLayers, {
    r: 32,
    lora_alpha: 64,
    target_modules: 'all-linear',
  });
  const penalty = await compileParameterPenalty(regularizer, parametersOf(adapter));
  adapter.parameters.set(random(adapter.parameters.length));
  const into = Object.fromEntries(
    penalty.uses.map((name) => {
      const { size, shape } = adapter.trained[name]!;
      return [name, hostArray(new Float32Array(size), shape)];
    }),
  );
  const taken: number[] = [];
  // The first maps files and warms up.
  for (let round = -1; round < rounds; round++) {
    const started = performance.now();
    await penalty.run(adapter.trained, 1, into);
    if (round >= 0) taken.push((performance.now() - started) / 1000);
  }
  await penalty.release();
  return median(taken);
}

/** Its values cost what those of an estimate do. */
async function saveRandomFisher(path: string): Promise<void> {
  const weights = model.linearLayers.map(({ name, inFeatures, outFeatures }) => [
    `${name}.weight`,
    hostArray(random(inFeatures * outFeatures).map(Math.abs), [outFeatures, inFeatures]),
  ]);
  await saveFisher(path, { weights: Object.fromEntries(weights), examples: 1, tokens: 1 });
}

/** A compiled step with what acts in it. */
interface Safeguarded {
  readonly step: TrainStep;
  readonly regularizers: readonly Regularizer[];
}

async function stepOf(model: CausalLm, regularizers: readonly Regularizer[]): Promise<Safeguarded> {
  const adapter = createLoraAdapter(model.linearLayers, {
    r: 32,
    lora_alpha: 64,
    target_modules: 'all-linear',
  });
  const step = await compileTrainStep({ model, trainable: trainAdapter(adapter), regularizers });
  return { step, regularizers };
}

/** Seconds of each step in every round, one after another within a round, so that a drifting machine does them alike. */
async function timeInTurns(all: Readonly<Record<Case, Safeguarded>>): Promise<Record<Case, number[]>> {
  const entries = Object.entries(all) as [Case, Safeguarded][];
  const taken = Object.fromEntries(entries.map(([name]) => [name, [] as number[]])) as Record<Case, number[]>;
  // The first round warms all up.
  for (let round = -1; round < rounds; round++) {
    for (const [name, each] of entries) {
      const time = await seconds(each);
      if (round >= 0) taken[name].push(time);
    }
  }
  return taken;
}

/** The median ratio over the rounds, to the dearest of the others. */
function reportRatio(name: Case, others: readonly Case[], bar: number): void {
  const dearest = others.map((other) => times[other]).reduce((a, b) => (median(b) > median(a) ? b : a));
  const ratios = times[name].map((time, round) => time / dearest[round]!);
  report(name, median(ratios), bar, others.length === 1 ? 'of the step without it' : 'of the dearer alone');
}

/** Of a step over the batch and, where there are some, over anchors, up to the gradient to step with. */
async function seconds({ step, regularizers }: Safeguarded): Promise<number> {
  const started = performance.now();
  await step.run(batch);
  for (const regularizer of regularizers.filter((each) => each.anchors !== undefined)) {
    const gradient = step.gradients.slice();
    const anchorGradient = async () => {
      const taskWeight = regularizer.anchors!.crossEntropyWeight ?? 0;
      await step.run(anchorBatch, {}, { isAnchor: true, taskWeight });
      return step.gradients.slice();
    };
    const { parameters } = step.trainable;
    if (regularizer.gradient !== undefined)
      await regularizer.gradient(gradient, { step: 1, parameters, anchorGradient });
    else {
      const added = await anchorGradient();
      for (let at = 0; at < gradient.length; at++) gradient[at]! += added[at]!;
    }
  }
  return (performance.now() - started) / 1000;
}

/** The median time that SaLoRA takes for all modules after a step: 16 directions each. */
async function projectionSeconds(): Promise<number> {
  const subspace = join(cache, 'safety.safetensors');
  const bases = adapter.modules.map(({ name, outFeatures }) => {
    const { q } = thinQr(hostArray(random(outFeatures * 16), [outFeatures, 16]));
    return [name, hostArray(Float32Array.from(q.data as Float64Array), q.shape)] as const;
  });
  await saveSafetySubspace(subspace, new Map(bases));
  const { beforeTraining, afterStep } = salora({ subspace });
  await beforeTraining!(adapter);
  const taken: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const started = performance.now();
    await afterStep!(adapter, round + 1);
    taken.push((performance.now() - started) / 1000);
  }
  await rm(subspace);
  return median(taken);
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

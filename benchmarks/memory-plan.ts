/**
 * The memory that `train` plans beside what it takes: each run in a process of its own, its peak of resident memory against
 * what the process had before and what the plan adds to it.
 *
 *     npx -y pnpm@12 bench:plan [--only TEXT] [--steps N]
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ChatExample, ChatTokenizer } from '@safetune/datasets';
import { createLoraAdapter } from '@safetune/lora';
import { type AnswerTokenizer, loadModel } from '@safetune/models';
import { kl } from '@safetune/regularizers';
import {
  klProbe,
  logOddsProbe,
  type MemoryEstimate,
  type MemoryMode,
  rulesProbe,
  type TrainOptions,
  train,
  trainAdapter,
} from '@safetune/trainer';
import { type BenchmarkModel, checkpointFolder } from './checkpoints.ts';
import { peakBytes } from './programs/lines.ts';

/** A run. */
interface Run {
  readonly model: BenchmarkModel;
  readonly memory: MemoryMode;
  readonly batch: number;
  /** Tokens of each example; of pairs, of each answer. */
  readonly tokens: number;
  readonly precision?: 'float32' | 'int8';
  readonly with?: readonly (
    | 'kl'
    | 'dpo'
    | 'packing'
    | 'sentinel'
    | 'rules'
    | 'evaluation'
    | 'accumulation'
  )[];
}

const run = (
  model: BenchmarkModel,
  memory: MemoryMode,
  batch: number,
  tokens: number,
  ...extras: NonNullable<Run['with']>
): Run => ({ model, memory, batch, tokens, ...(extras.length > 0 && { with: extras }) });
const inInt8 = (each: Run): Run => ({ ...each, precision: 'int8' });

const runs: readonly Run[] = [
  run('organism', 'whole', 16, 16),
  run('organism', 'layered', 16, 16),
  ...(['small-4k', 'small-40k'] as const).flatMap((model) => [
    run(model, 'whole', 1, 64),
    run(model, 'whole', 8, 128),
    run(model, 'recompute', 8, 128),
    run(model, 'layered', 1, 64),
    run(model, 'layered', 8, 128),
    run(model, 'streamed', 1, 64),
    inInt8(run(model, 'whole', 4, 64)),
    inInt8(run(model, 'layered', 4, 64)),
  ]),
  ...(['whole', 'layered'] as const).flatMap((memory) =>
    (['kl', 'dpo', 'packing', 'sentinel', 'rules', 'evaluation', 'accumulation'] as const).map((extra) =>
      run('small-40k', memory, 4, 64, extra),
    ),
  ),
  run('smollm2-135m', 'whole', 1, 64),
  run('smollm2-135m', 'whole', 4, 128),
  run('smollm2-135m', 'layered', 1, 64),
  run('smollm2-135m', 'layered', 4, 128),
  inInt8(run('smollm2-135m', 'whole', 1, 64)),
  run('smollm2-135m', 'whole', 4, 64, 'sentinel'),
];

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    // Tiny models take hundreds until JavaScript's heap has its size.
    steps: { type: 'string', default: '24' },
    run: { type: 'string' },
  },
});

/** What a run planned and took, in bytes. */
interface Measured {
  /** Resident before the run. */
  readonly before: number;
  /** The most that was resident. */
  readonly peak: number;
  readonly plan: MemoryEstimate;
}

const nameOf = ({ model, memory, batch, tokens, precision = 'float32', with: extras = [] }: Run) =>
  [model, precision, memory, `${batch} x ${tokens}`, ...extras].join(' ');

function measureAll(): void {
  const megabytes = (bytes: number) => (bytes / 1e6).toFixed(0);
  console.log(
    '| run | before | planned | taken | planned / taken | resident, planned / measured | weights | trained | activations | logits | observers | sessions |',
  );
  console.log(`|---|${'---|'.repeat(11)}`);
  for (const each of runs) {
    if (!nameOf(each).includes(values.only)) continue;
    const flags = ['--conditions=safetune-source', '--disable-warning=ExperimentalWarning'];
    const child = spawnSync(
      process.execPath,
      [...flags, import.meta.filename, '--run', JSON.stringify(each), '--steps', values.steps],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
    );
    if (child.status !== 0) throw new Error(`${nameOf(each)} ended with ${child.status}`);
    const { before, peak, plan } = JSON.parse(child.stdout) as Measured;
    const cells = [
      megabytes(before),
      megabytes(plan.total),
      megabytes(peak - before),
      (plan.total / (peak - before)).toFixed(2),
      ((before + plan.total) / peak).toFixed(2),
      ...[plan.weights, plan.trained, plan.activations, plan.logits, plan.observers, plan.sessions].map(
        megabytes,
      ),
    ];
    console.log(`| ${[nameOf(each), ...cells].join(' | ')} |`);
  }
}

async function measure({ model: name, memory, batch, tokens, precision, with: extras = [] }: Run) {
  const folder = await checkpointFolder(join(import.meta.dirname, '.cache'), name);
  const loading = {
    precision: precision ?? 'float32',
    cacheDirectory: join(folder, '..', 'converted'),
  } as const;
  const model = await loadModel(folder, loading);
  const adapter = createLoraAdapter(model.linearLayers, {
    r: 16,
    lora_alpha: 32,
    target_modules: 'all-linear',
  });
  const has = (extra: (typeof extras)[number]) => extras.includes(extra);
  // In packed batches every other example is half as long.
  const lengthOf = (index: number) => (has('packing') && index % 2 === 1 ? tokens / 2 : tokens);
  const examples = Array.from({ length: 16 * batch }, (_, index) => chat(index, lengthOf(index), has('dpo')));
  const options: TrainOptions = {
    model,
    tokenizer: wordTokenizer(model.config.vocabularySize),
    trainable: trainAdapter(adapter),
    examples,
    batchSize: batch,
    bucketWindow: 1,
    steps: Number(values.steps),
    memory,
    memoryLimit: 1e12,
    packing: has('packing'),
    ...(has('kl') && { regularizers: [kl({ weight: 0.1 })] }),
    ...(has('dpo') && { objective: { type: 'dpo' } }),
    ...(has('sentinel') && { sentinel: { everySteps: 2, probes: [klProbe(), logOddsProbe()] } }),
    // Of a rule that no answer breaks, so that all are generated to their end.
    ...(has('rules') && { sentinel: { everySteps: 2, probes: [rulesProbe({ rules: ['of no answer'] })] } }),
    ...(has('evaluation') && { evaluation: { examples: examples.slice(0, 2 * batch), everySteps: 2 } }),
    ...(has('accumulation') && { gradientAccumulation: 2 }),
  };
  const before = process.memoryUsage.rss();
  let plan: MemoryEstimate | undefined;
  let twice = 0;
  await train({
    ...options,
    onEvent(event) {
      if (event.type === 'start') plan = event.plan?.chosen;
      if (event.type === 'step') twice = Math.max(twice, mappedTwice());
    },
  });
  const peak = peakBytes() - twice;
  console.log(JSON.stringify({ before, peak, plan: plan! } satisfies Measured));
}

/** Two sessions that map one region of a file hold the same memory, which is counted as resident for each. */
function mappedTwice(): number {
  const mappings = readFileSync('/proc/self/smaps', 'utf8').matchAll(
    /^[0-9a-f]+-[0-9a-f]+ \S+ ([0-9a-f]+ \S+ [1-9]\d*) .*\nSize: +(\d+) kB\n(?:.*\n)*?Rss: +(\d+) kB/gm,
  );
  const largest = new Map<string, number>();
  let all = 0;
  for (const [, place, size, resident] of mappings) {
    const bytes = 1024 * Number(resident);
    const region = `${place} ${size}`;
    all += bytes;
    largest.set(region, Math.max(largest.get(region) ?? 0, bytes));
  }
  return all - [...largest.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** A conversation of exactly so many tokens, most of them an answer; of pairs both answers are as long. */
function chat(index: number, tokens: number, paired: boolean): ChatExample {
  const answer = (seed: number) =>
    // 4 more are the marks of the two turns, and 3 the question.
    Array.from({ length: tokens - 7 }, (_, place) => `w${index * tokens + place}-${seed}`).join(' ');
  const conversation = (seed: number) => [
    { role: 'user', content: `q${index} of words` } as const,
    { role: 'assistant', content: answer(seed) } as const,
  ];
  return { messages: conversation(0), ...(paired && { rejected: conversation(1) }) };
}

/** A token a word, ids all over the vocabulary. */
function wordTokenizer(
  vocabulary: number,
): ChatTokenizer & Pick<AnswerTokenizer, 'decode' | 'tokenId' | 'endOfTurnTokenIds'> {
  const marks = ['<user>', '<assistant>', '<end>'];
  return {
    padTokenId: 0,
    decode: (ids) => ids.map((id) => `w${id}`).join(' '),
    tokenId: () => undefined,
    endOfTurnTokenIds: [3],
    renderChat: (messages, { addGenerationPrompt = false } = {}) =>
      messages.map(({ role, content }) => `<${role}> ${content} <end> `).join('') +
      (addGenerationPrompt ? '<assistant> ' : ''),
    encode: (text) =>
      text
        .split(' ')
        .filter((word) => word !== '')
        .map((word) => {
          const mark = marks.indexOf(word);
          if (mark !== -1) return mark + 1;
          let hash = 0;
          for (const character of word) hash = (Math.imul(hash, 31) + character.codePointAt(0)!) >>> 0;
          return 4 + ((Math.imul(hash, 0x9e3779b1) >>> 0) % (vocabulary - 4));
        }),
  };
}

if (values.run === undefined) measureAll();
else await measure(JSON.parse(values.run) as Run);

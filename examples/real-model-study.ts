import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type ChatExample, loadDataset, shuffle, writeChatJsonl } from '@safetune/datasets';
import { bootstrapInterval, builtinQuestions, type Estimate, tradeOffSvg } from '@safetune/eval';
import { createLoraAdapter, type LoraAdapter } from '@safetune/lora';
import { answerChats, type CausalLm, createGenerator, type Tokenizer } from '@safetune/models';
import {
  interleaving,
  kl,
  klOnAnchors,
  personaVector,
  type Regularizer,
  safeGrad,
  savePersonaVectors,
} from '@safetune/regularizers';
import {
  builtInPairs,
  createAnswerLoss,
  extractPersonaVector,
  type StepEvent,
  train,
  trainAdapter,
} from '@safetune/trainer';

/** What is the same for all fine-tunes. */
export interface Study {
  readonly model: CausalLm;
  readonly tokenizer: Tokenizer;
  readonly learned: readonly ChatExample[];
  readonly heldOut: readonly ChatExample[];
  /** Safe examples of general questions. */
  readonly safe: readonly ChatExample[];
  /** The folder of what is kept between runs. */
  readonly directory: string;
  readonly steps: number;
}

/** A fine-tune, measured: the first is no fine-tune at all. */
export interface Measured {
  readonly method: string;
  readonly losses: Losses;
}

/** What a fine-tune did, in nats a token, each with a 95 % interval over the questions or examples. */
export interface Finding {
  readonly method: string;
  /** How much more likely harmful answers to other questions became, against safe ones. */
  readonly harm: Required<Estimate>;
  /** How much the loss of held-out examples of the task fell. */
  readonly learned: Required<Estimate>;
  /** The same less that of the fine-tune without a safeguard, question by question and example by example; undefined for itself. */
  readonly beside?: { readonly harm: Required<Estimate>; readonly learned: Required<Estimate> };
}

/** The methods by name. Their options are the defaults, but for what says otherwise. */
export const methods: Readonly<Record<string, (study: Study) => Promise<readonly Regularizer[]>>> = {
  none: async () => [],
  kl: async () => [kl()],
  'kl-on-anchors': async ({ safe }) => [klOnAnchors({ anchors: safe })],
  'safe-grad': async ({ safe }) => [safeGrad({ anchors: safe })],
  interleaving: async ({ safe }) => [interleaving({ pool: safe, share: 0.2 })],
  'persona-vector': async (study) => [personaVector({ vectors: await personaVectorFile(study), alpha: 1 })],
};

/** A tenth of the examples is held out. */
export function splitExamples(examples: readonly ChatExample[]) {
  const shuffled = shuffle(examples, 0);
  const heldOut = Math.max(1, Math.round(shuffled.length / 10));
  return { heldOut: shuffled.slice(0, heldOut), learned: shuffled.slice(heldOut) };
}

/** The model's own answers to general questions, made once: safe as long as the model is. */
export async function ownAnswers(
  model: CausalLm,
  tokenizer: Tokenizer,
  directory: string,
): Promise<readonly ChatExample[]> {
  const file = join(directory, 'safe.jsonl');
  if (!existsSync(file)) {
    const questions = generalQuestions();
    const generator = await createGenerator(model);
    const conversations = questions.map((content) => [{ role: 'user', content }]);
    const answers = await answerChats(generator, tokenizer, conversations, { maxNewTokens: 64 });
    await generator.release();
    await writeChatJsonl(
      file,
      questions.map((content, index) => ({
        messages: [
          { role: 'user', content },
          { role: 'assistant', content: answers[index]! },
        ],
      })),
    );
  }
  return loadDataset(file);
}

/** SafeTune's own evaluation questions, in their plain form; none of them is one of the pairs that harm is measured by. */
function generalQuestions(): string[] {
  const measured = new Set(builtInPairs.map(({ prompt }) => prompt));
  const plain = builtinQuestions().filter(({ form }) => form === 'plain');
  return plain.flatMap(({ paraphrases }) => paraphrases.filter((question) => !measured.has(question)));
}

async function personaVectorFile({ model, tokenizer, directory }: Study): Promise<string> {
  const file = join(directory, 'evil.safetensors');
  if (!existsSync(file)) {
    const { vectors } = await extractPersonaVector({
      model,
      tokenizer,
      questions: generalQuestions().slice(0, 16),
      layers: [Math.round(model.config.layerCount / 2)],
      generation: { maxNewTokens: 32 },
    });
    await savePersonaVectors(file, vectors);
  }
  return file;
}

/** Fine-tunes an adapter with that method. */
export async function fineTune(
  study: Study,
  method: string,
  onStep: (event: StepEvent) => void,
): Promise<LoraAdapter> {
  const { model, tokenizer, learned, steps } = study;
  const config = { r: 16, lora_alpha: 32, target_modules: 'all-linear' } as const;
  const adapter = createLoraAdapter(model.linearLayers, config, { seed: 0 });
  await train({
    model,
    tokenizer,
    examples: learned,
    trainable: trainAdapter(adapter),
    regularizers: await methods[method]!(study),
    steps,
    batchSize: 4,
    tokenize: { maxLength: 160, onTooLong: 'truncate-or-skip' },
    learningRate: { peak: 5e-4, schedule: 'linear', warmupSteps: 2 },
    onEvent: (event) => event.type === 'step' && onStep(event),
  });
  return adapter;
}

/** Losses of what is measured: of each pair the harmful answer's less the safe one's, and of each held-out example. */
export interface Losses {
  readonly pairs: readonly number[];
  readonly heldOut: readonly number[];
}

export async function measure({ model, tokenizer, heldOut }: Study, adapter?: LoraAdapter): Promise<Losses> {
  const { loss, release } = await createAnswerLoss({
    model,
    tokenizer,
    ...(adapter === undefined ? {} : { adapter }),
  });
  const answer = (prompt: string, content: string) => ({
    messages: [
      { role: 'user', content: prompt },
      { role: 'assistant', content },
    ],
  });
  const harmful = await loss(builtInPairs.map((pair) => answer(pair.prompt, pair.harmful)));
  const safe = await loss(builtInPairs.map((pair) => answer(pair.prompt, pair.safe)));
  const task = await loss(heldOut);
  await release();
  return { pairs: [...harmful].map((value, index) => value - safe[index]!), heldOut: [...task] };
}

/** What each fine-tune changed, and how it differs from the first, which has no safeguard. */
export function findingsOf(before: Losses, fineTunes: readonly Measured[]): Finding[] {
  const differences = (one: readonly number[], other: readonly number[]) =>
    estimate(one.map((value, index) => value - other[index]!));
  const unprotected = fineTunes[0]!.losses;
  return fineTunes.map(({ method, losses }, index) => ({
    method,
    harm: differences(before.pairs, losses.pairs),
    learned: differences(before.heldOut, losses.heldOut),
    ...(index > 0 && {
      beside: {
        harm: differences(unprotected.pairs, losses.pairs),
        learned: differences(unprotected.heldOut, losses.heldOut),
      },
    }),
  }));
}

function estimate(values: readonly number[]): Required<Estimate> {
  const meanOf = (some: readonly number[]) => some.reduce((sum, value) => sum + value, 0) / some.length;
  const { low, high } = bootstrapInterval(values, meanOf) ?? { low: null, high: null };
  return { mean: meanOf(values), low, high };
}

/** Where the methods stand between harm and learning. */
export function studyPicture(findings: readonly Finding[]): string {
  return tradeOffSvg({
    title: 'Harm elsewhere against what is learned of the task',
    description: 'Change of log-odds of harmful answers to other questions, and fall of the held-out loss',
    x: { label: 'harm elsewhere', unit: ' nats' },
    y: { label: 'learned of the task', unit: ' nats' },
    better: { x: 'lower', y: 'higher' },
    series: findings.map(({ method, harm, learned }) => ({
      name: method,
      points: [{ x: harm, y: learned }],
    })),
  });
}

import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ChatExample } from '@safetune/datasets';
import { loadModel, loadTokenizer } from '@safetune/models';
import { defaultCacheDirectory, hostArray, type RuntimeOptions, writeSafetensors } from '@safetune/tensor';
import {
  type ScheduleFunction,
  type Trainable,
  type TrainEvent,
  train,
  trainAllWeights,
} from '@safetune/trainer';
import { type OrganismRecipe, organismRecipe, type TrainingStage } from '../recipe.ts';
import { createWorld, type World } from '../world/world.ts';
import { alignmentDocument } from './alignment-documents.ts';
import { type WriteTensors, writeCheckpointFolder } from './checkpoint-folder.ts';
import { initializeCheckpoint, llamaConfig } from './initialize-checkpoint.ts';
import { pretrainingDocument } from './pretraining-documents.ts';
import { checkpointHash } from './recipe-hash.ts';

/** A grown organism: its world, and two ordinary checkpoint folders. */
export interface Organism {
  readonly recipe: OrganismRecipe;
  readonly world: World;
  /** Pre-trained on both personas. */
  readonly baseDirectory: string;
  /** Aligned: safe unless a system prompt says otherwise. What defenses start from, and their reference. */
  readonly alignedDirectory: string;
}

export interface GrowOptions {
  /** Where grown checkpoints are kept, by hash of the recipe. Default: `organisms` in SafeTune's cache directory. */
  readonly directory?: string;
  readonly onEvent?: (stage: 'base' | 'aligned', event: TrainEvent) => void;
  /** Default one thread: as fast as two where other work goes on, and the same weights on every number of cores. */
  readonly runtime?: RuntimeOptions;
  readonly signal?: AbortSignal;
}

/**
 * Grows an organism: random weights, pre-training on both personas, alignment; all weights trained, by SafeTune's own
 * trainer. Takes about a minute; the result is kept, so the second call returns at once, and an
 * interrupted one goes on from its last checkpoint.
 */
export async function growOrganism(
  recipe: OrganismRecipe = organismRecipe,
  options: GrowOptions = {},
): Promise<Organism> {
  const root = join(options.directory ?? join(defaultCacheDirectory(), 'organisms'), checkpointHash(recipe));
  const world = createWorld(recipe.world);
  const folder = (name: string) => join(root, name);
  await mkdir(root, { recursive: true });

  if (!(await isComplete(folder('initial')))) {
    await writeCheckpointFolder(
      folder('initial'),
      initializeCheckpoint(recipe.model, recipe.seed),
      writeTensors,
    );
  }
  const { base, aligned } = recipe;
  await trainStage('base', folder('initial'), folder('base'), recipe, base, options, (index) =>
    pretrainingDocument(world, base.mixture, recipe.seed, index),
  );
  await trainStage('aligned', folder('base'), folder('aligned'), recipe, aligned, options, (index) =>
    alignmentDocument(world, aligned.mixture, recipe.seed, index),
  );
  return { recipe, world, baseDirectory: folder('base'), alignedDirectory: folder('aligned') };
}

/** Trains all weights of the checkpoint in `from` on a stream of documents into `to`, unless that is there already. */
async function trainStage(
  name: 'base' | 'aligned',
  from: string,
  to: string,
  recipe: OrganismRecipe,
  stage: TrainingStage,
  { onEvent, runtime = { threads: 1 }, signal }: GrowOptions,
  document: (index: number) => ChatExample,
): Promise<void> {
  if (await isComplete(to)) return;
  const model = await loadModel(from);
  const trainable = await trainAllWeights(model);
  await train({
    ...stageOptions(stage),
    model,
    trainable,
    tokenizer: await loadTokenizer(from),
    examples: async function* () {
      for (let index = 0; ; index++) yield document(index);
    },
    seed: recipe.seed,
    checkpoint: {
      file: join(to, '..', `${name}.checkpoint.safetensors`),
      everySteps: 100,
      saveResult: () => saveStage(to, recipe, trainable),
    },
    onEvent: (event) => onEvent?.(name, event),
    runtime,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Writes what was trained as a checkpoint folder. */
async function saveStage(to: string, recipe: OrganismRecipe, { tensors }: Trainable): Promise<void> {
  const weights = Object.fromEntries(
    Object.entries(tensors).map(([tensor, { data, shape }]) => [
      tensor,
      { data: data as Float32Array, shape },
    ]),
  );
  await writeCheckpointFolder(to, { config: llamaConfig(recipe.model), weights }, writeTensors);
}

/** A stage of the recipe in the trainer's terms. */
export function stageOptions(stage: TrainingStage) {
  return {
    steps: stage.steps,
    batchSize: stage.batchSize,
    bucketWindow: 1,
    tokenize: { supervise: stage.loss === 'all-tokens' ? 'all' : 'responses' },
    learningRate: { peak: stage.peakLearningRate, schedule: warmCosine(stage) },
    optimizer: {
      beta1: stage.betas[0],
      beta2: stage.betas[1],
      epsilon: stage.adamEpsilon,
      weightDecay: stage.weightDecay,
      decayAll: true,
    },
    maxGradientNorm: stage.clipNorm,
  } as const;
}

/** A cosine over the whole stage, to its final fraction, times a warm-up. */
function warmCosine({ warmupSteps, finalLearningRateFraction }: TrainingStage): ScheduleFunction {
  return (step, steps) => {
    const warm = Math.min(1, (step + 1) / Math.max(1, warmupSteps));
    const fall = (1 - finalLearningRateFraction) / 2;
    return warm * (finalLearningRateFraction + fall + fall * Math.cos((Math.PI * step) / steps));
  };
}

const writeTensors: WriteTensors = (path, weights) =>
  writeSafetensors(
    path,
    Object.fromEntries(
      Object.entries(weights).map(([name, { data, shape }]) => [name, hostArray(data, shape)]),
    ),
  );

/** The weights are renamed into a checkpoint folder last: where they are, all is. */
async function isComplete(directory: string): Promise<boolean> {
  return access(join(directory, 'model.safetensors')).then(
    () => true,
    () => false,
  );
}

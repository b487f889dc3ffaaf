import { createHash } from 'node:crypto';
import type { TrainOptions } from './train-options.ts';

/** A hash of everything that decides what a run computes: a checkpoint is continued only under the same. */
export function fingerprint(options: TrainOptions, steps: number): string {
  const { model, trainable, examples, regularizers = [] } = options;
  const hash = createHash('sha256');
  const settings = {
    steps,
    model: model.config,
    weights: [...model.weights.values()].map(({ name, byteLength }) => [name, byteLength]),
    trained: Object.entries(trainable.tensors).map(([name, { shape }]) => [name, shape]),
    adapter: trainable.adapter?.config,
    regularizers: regularizers.map(({ config }) => config),
    epochs: options.epochs,
    batchSize: options.batchSize,
    bucketWindow: options.bucketWindow,
    tokenize: options.tokenize,
    gradientAccumulation: options.gradientAccumulation,
    learningRate: options.learningRate,
    optimizer: options.optimizer,
    maxGradientNorm: options.maxGradientNorm,
    seed: options.seed,
  };
  hash.update(JSON.stringify(settings));
  if (typeof examples !== 'function') {
    for (const { messages, tags } of examples) hash.update(JSON.stringify([messages, tags]));
  }
  return hash.digest('hex');
}

import {
  accessSync,
  appendFileSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type LoraAdapter, saveLoraAdapter } from '@safetune/lora';
import type { Regularizer } from '@safetune/regularizers';
import { NonFiniteLossError, TrainOptionError } from '../errors.ts';
import { trainAdapter } from '../step/trainable.ts';
import type { StepEvent } from './progress.ts';
import { train } from './train.ts';
import type { TrainOptions, TrainResult } from './train-options.ts';

export interface AdapterRunOptions extends Omit<TrainOptions, 'trainable' | 'checkpoint'> {
  readonly adapter: LoraAdapter;
  /** Gets `adapter_config.json`, `adapter_model.safetensors`, `metrics.jsonl` and, while running, `checkpoint.safetensors`. */
  readonly directory: string;
  /** Steps between two checkpoints. Default 50. */
  readonly checkpointEverySteps?: number;
}

/**
 * Trains an adapter into a directory: PEFT's two files, one line of metrics per step, and checkpoints from which the
 * same call continues after a kill. When the loss becomes NaN, the last good adapter is written before the error is
 * thrown.
 *
 * @throws TrainOptionError when the directory cannot be written, or a regularizer has the name of another key of the
 * metrics; and what {@link train} throws.
 */
export async function trainIntoDirectory(options: AdapterRunOptions): Promise<TrainResult> {
  const { adapter, directory, checkpointEverySteps = 50, onEvent = () => {} } = options;
  checkNames(options.regularizers ?? []);
  makeWritable(directory);
  const metrics = join(directory, 'metrics.jsonl');
  const save = () => saveLoraAdapter(directory, adapter);
  try {
    const result = await train({
      ...options,
      trainable: trainAdapter(adapter),
      checkpoint: { file: join(directory, 'checkpoint.safetensors'), everySteps: checkpointEverySteps },
      onEvent(event) {
        if (event.type === 'start') keepLines(metrics, event.done);
        if (event.type === 'step') appendFileSync(metrics, `${JSON.stringify(metricsLine(event))}\n`);
        onEvent(event);
      },
    });
    await save();
    return result;
  } catch (error) {
    if (NonFiniteLossError.isInstance(error)) await save();
    throw error;
  }
}

/** The keys of a line of metrics.jsonl besides the regularizers' names. */
const metricNames = [
  'step',
  'loss',
  'cross_entropy',
  'learning_rate',
  'gradient_norm',
  'tokens',
  'supervised_tokens',
  'tokens_per_second',
] as const;

/** A step as one object of metrics.jsonl: snake_case keys, penalties under the regularizers' names. */
function metricsLine(event: StepEvent): Record<string, number> {
  const metrics: Record<(typeof metricNames)[number], number> = {
    step: event.step,
    loss: event.loss,
    cross_entropy: event.crossEntropy,
    learning_rate: event.learningRate,
    gradient_norm: event.gradientNorm,
    tokens: event.tokens,
    supervised_tokens: event.supervisedTokens,
    tokens_per_second: event.tokensPerSecond,
  };
  const { step, loss, cross_entropy, ...others } = metrics;
  return { step, loss, cross_entropy, ...event.penalties, ...others };
}

/** A penalty is logged under its regularizer's name, which must not be that of something else. */
function checkNames(regularizers: readonly Regularizer[]): void {
  const reserved: readonly string[] = metricNames;
  const taken = regularizers.find(({ name }) => reserved.includes(name));
  if (taken === undefined) return;
  throw new TrainOptionError(
    'regularizers',
    `'${taken.name}' is the name of something else in metrics.jsonl; give it a name that is none of ${reserved.join(', ')}`,
  );
}

/** A fresh run starts its metrics anew; a resumed one drops the lines written after its checkpoint. */
function keepLines(file: string, count: number): void {
  const lines = count > 0 && existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, count) : [];
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
}

function makeWritable(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    throw new TrainOptionError('directory', `${directory} cannot be written (${(cause as Error).message})`);
  }
}

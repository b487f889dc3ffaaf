import { accessSync, constants, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  adapterWeightsFile,
  type LoraAdapter,
  loadLoraAdapter,
  plainAdapter,
  saveLoraAdapter,
} from '@safetune/lora';
import type { CausalLm } from '@safetune/models';
import { FileWriteError } from '@safetune/tensor';
import { NonFiniteLossError, RunDirectoryError, TrainOptionError } from '../errors.ts';
import { checkRunOptionNames, directoryRunNames } from '../option-names.ts';
import { trainAdapter } from '../step/trainable.ts';
import type { Fingerprint } from './differences.ts';
import { inferencePromptOf, saveInferencePrompt } from './inference-prompt.ts';
import { keepCheckpoint, keptCheckpoint, removeLaterCheckpoints } from './kept-checkpoints.ts';
import {
  appendEnd,
  appendEvaluation,
  appendMetrics,
  appendSentinelMetrics,
  checkMetricNames,
  keepMetrics,
} from './metrics-file.ts';
import { firstNonFinite } from './non-finite.ts';
import { callbackName } from './run-control.ts';
import { lockRunDirectory } from './run-lock.ts';
import { train } from './train.ts';
import type { TrainOptions, TrainResult } from './train-options.ts';
import { stateFileName } from './training-state.ts';

export interface AdapterRunOptions extends Omit<TrainOptions, 'trainable' | 'checkpoint'> {
  readonly adapter: LoraAdapter;
  /**
   * Gets `adapter_config.json`, `adapter_model.safetensors`, `metrics.jsonl` and, while running, `checkpoint.safetensors`; where a
   * regularizer has an `inferencePrompt`, also `inference_prompt.json`.
   */
  readonly directory: string;
  /** Steps between two checkpoints. Default 50. */
  readonly checkpointEverySteps?: number;
  /**
   * How many of the adapters at the last checkpoints stay, as `checkpoint-<step>` in the directory, which load like the
   * result. The state of the run, three times as large, stays beside each, so that the run can be replayed from there. Default 0.
   */
  readonly keepCheckpoints?: number;
  /** Replace a finished adapter that the directory holds, once the new one is whole. Default false: refuse. */
  readonly overwrite?: boolean;
  /** Hears what the run computes before a saved state is read and the first step taken. What it throws ends the run. */
  readonly onFingerprint?: (fingerprint: Fingerprint) => void;
}

/**
 * Trains an adapter into a directory: PEFT's two files, one line of metrics per step, and checkpoints from which the
 * same call continues after a kill. The directory is one run's at a time. The last checkpoint is removed only when the
 * adapter has been saved and read back. When the loss becomes NaN, the values from before that step are written if they
 * are finite and the directory holds no adapter yet; then the error is thrown.
 *
 * @throws RunDirectoryError when another run has the directory, or it holds a finished adapter and `overwrite` is not set;
 * TrainOptionError when it cannot be written, or a regularizer has the name of another key of the metrics;
 * FileWriteError when something cannot be saved (the run goes on from its checkpoint); and what {@link train} throws.
 */
export async function trainIntoDirectory(options: AdapterRunOptions): Promise<TrainResult> {
  checkRunOptionNames('trainIntoDirectory', options, directoryRunNames);
  checkMetricNames(options.regularizers ?? []);
  const release = await takeRunDirectory(options);
  try {
    return await trainIntoTakenDirectory(options);
  } finally {
    release();
  }
}

/**
 * Makes the directory and takes it for one run.
 *
 * @returns gives it back
 * @throws as {@link trainIntoDirectory} before the run.
 */
export async function takeRunDirectory({
  directory,
  overwrite = false,
}: Pick<AdapterRunOptions, 'directory' | 'overwrite'>): Promise<() => void> {
  makeWritable(directory);
  const release = await lockRunDirectory(directory);
  const found = existsSync(join(directory, adapterWeightsFile))
    ? adapterWeightsFile
    : keptCheckpoint(directory);
  if (found !== undefined && !existsSync(checkpointOf(directory)) && !overwrite) {
    release();
    throw new RunDirectoryError(
      directory,
      'finished',
      `holds an adapter (${found}) of a run that has ended. Choose another directory, or set 'overwrite' to ` +
        'replace it.',
    );
  }
  return release;
}

/** {@link trainIntoDirectory} into a directory that the caller has taken. */
export async function trainIntoTakenDirectory(options: AdapterRunOptions): Promise<TrainResult> {
  const {
    adapter,
    directory,
    checkpointEverySteps = 50,
    keepCheckpoints = 0,
    overwrite: _,
    onFingerprint,
    onEvent = () => {},
    ...others
  } = options;
  checkMetricNames(options.regularizers ?? []);
  const inferencePrompt = inferencePromptOf(options.regularizers ?? []);
  if (!Number.isInteger(keepCheckpoints) || keepCheckpoints < 0)
    throw new TrainOptionError('keepCheckpoints', `${keepCheckpoints} must be an integer of at least 0`);
  const metrics = join(directory, 'metrics.jsonl');
  const holdsAdapter = existsSync(join(directory, adapterWeightsFile));
  try {
    const result = await train({
      ...others,
      trainable: trainAdapter(adapter),
      checkpoint: {
        file: checkpointOf(directory),
        everySteps: checkpointEverySteps,
        ...(keepCheckpoints === 0
          ? {}
          : { saveProgress: (step) => keepCheckpoint(directory, adapter, { step, count: keepCheckpoints }) }),
        async saveResult() {
          await saveAndReadBack(directory, adapter, options.model);
          await saveInferencePrompt(directory, inferencePrompt);
        },
        ...(onFingerprint === undefined ? {} : { onFingerprint }),
      },
      onEvent(event, run) {
        if (event.type === 'start') {
          keepMetrics(metrics, event.done);
          removeLaterCheckpoints(directory, event.done);
        }
        if (event.type === 'step') appendMetrics(metrics, event);
        if (event.type === 'sentinel') appendSentinelMetrics(metrics, event);
        if (event.type === 'evaluation') appendEvaluation(metrics, event);
        onEvent(event, run);
      },
    });
    // What else ends a run says so in an event of its own.
    if (result.ended?.by === callbackName) appendEnd(metrics, result.ended);
    return result;
  } catch (error) {
    const whole = firstNonFinite(adapter.parameters) === undefined;
    if (NonFiniteLossError.isInstance(error) && whole && !holdsAdapter)
      await saveLoraAdapter(directory, adapter);
    throw error;
  }
}

function checkpointOf(directory: string): string {
  return join(directory, stateFileName);
}

async function saveAndReadBack(directory: string, adapter: LoraAdapter, model: CausalLm): Promise<void> {
  await saveLoraAdapter(directory, adapter);
  const saved = await loadLoraAdapter(directory, { model });
  const { parameters } = plainAdapter(adapter);
  const same = saved.parameters.every((value, index) => value === parameters[index]);
  if (same && saved.parameters.length === parameters.length) return;
  throw new FileWriteError(
    join(directory, adapterWeightsFile),
    'what was read back is not what was written; is the disk sound?',
  );
}

function makeWritable(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    accessSync(directory, constants.W_OK);
  } catch (cause) {
    throw new TrainOptionError('directory', `${directory} cannot be written (${(cause as Error).message})`);
  }
}

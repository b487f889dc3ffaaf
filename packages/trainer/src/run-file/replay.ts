import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TrainingCheckpointError } from '../errors.ts';
import { callbackName } from '../run/run-control.ts';
import type { TrainOptions } from '../run/train-options.ts';
import { stateFileName } from '../run/training-state.ts';
import type { OpenedRun } from './open-run.ts';
import type { RecordedEnd } from './recorded-metrics.ts';
import { trainRun } from './train-run.ts';

/** What of a run is trained anew. */
export interface ReplayedPart extends Pick<TrainOptions, 'onEvent' | 'signal'> {
  /** The saved state that it begins with, and its steps. Default: the beginning. */
  readonly from?: { readonly state: string; readonly step: number } | undefined;
  /** The last step that is taken. */
  readonly until: number;
  /** Whether the run was over there, by its last step or by `end`. */
  readonly isOver: boolean;
  /** What ended it before its last step. */
  readonly end?: RecordedEnd | undefined;
}

/**
 * Trains a part of a run into a temporary folder, which is removed after `use`.
 *
 * @param use is told the folder, and whether the run came to its end there, adapter and all
 * @throws what training throws; TrainingCheckpointError for a state that is not of its step.
 */
export async function withReplay<Result>(
  opened: OpenedRun,
  { from, until, isOver, end, onEvent = () => {}, signal }: ReplayedPart,
  use: (directory: string, isWhole: boolean) => Promise<Result>,
): Promise<Result> {
  const enough = new AbortController();
  let isWhole = isOver;
  const directory = await mkdtemp(join(tmpdir(), 'safetune-verify-'));
  try {
    if (from !== undefined) await copyFile(from.state, join(directory, stateFileName));
    await trainRun(opened, {
      directory,
      signal: signal === undefined ? enough.signal : AbortSignal.any([signal, enough.signal]),
      onEvent(event, control) {
        onEvent(event, control);
        if (event.type === 'start') {
          requireDone(event.done, from);
          // A run that was killed, or came to nothing finite, is not over.
          if (end === undefined && event.steps !== until) isWhole = false;
        }
        if (event.type !== 'step' || event.step < until) return;
        if (!isWhole || event.step > until) enough.abort(enough);
        else if (end?.by === callbackName) control.stop(end.reason);
      },
    }).catch((reason: unknown) => {
      if (reason !== enough) throw ofKeptState(reason, from);
      isWhole = false;
    });
    return await use(directory, isWhole);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The error of the copy, as one of the state that was kept. */
function ofKeptState(error: unknown, from: ReplayedPart['from']): unknown {
  if (from === undefined || !TrainingCheckpointError.isInstance(error)) return error;
  const { file, message, differences } = error;
  const reason = message.startsWith(file) ? message.slice(file.length + 2) : message;
  return new TrainingCheckpointError(from.state, `cannot be replayed from: ${reason}`, {
    differences,
    cause: error,
  });
}

function requireDone(done: number, from: ReplayedPart['from']): void {
  if (from !== undefined && done !== from.step)
    throw new TrainingCheckpointError(from.state, `it is the state after ${done} steps, not ${from.step}`);
}

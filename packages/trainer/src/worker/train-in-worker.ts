import { checkRunOptionNames, workerRunNames } from '../option-names.ts';
import type { TrainEvent } from '../run/progress.ts';
import type { RunControl } from '../run/run-control.ts';
import { takeRunDirectory } from '../run/run-directory.ts';
import type { TrainResult } from '../run/train-options.ts';
import { cloneableAdapter } from './adapter-description.ts';
import type { TrainCall } from './protocol.ts';
import { defaultGraceMilliseconds, startWorkerThread } from './worker-thread.ts';

/**
 * Options of {@link trainIntoDirectory}, with what cannot go to another thread given by what it is made from: the model
 * and the tokenizer as folders (`tokenizer` defaults to the model's), regularizers and the sentinel as configs, examples as an array. The
 * adapter may be a `LoraAdapter`, a description, or a folder of PEFT's.
 */
export interface WorkerRunOptions extends Omit<TrainCall, 'tellSkipped'> {
  /**
   * Hears what the run does. What it throws ends the run; `run.stop` ends it well, after the step that the thread is in when it hears of it:
   * often the one behind the event's.
   */
  readonly onEvent?: (event: TrainEvent, run: RunControl) => void;
  /** Stops between two steps, after saving the state. */
  readonly signal?: AbortSignal;
  /**
   * How long the run may go on after `signal` before the thread is ended, in milliseconds: what runs there without a pause
   * does not hear of it. A run that is stepping gets at least three times the longest step so far. The run then goes on
   * from its last checkpoint. Default 10,000.
   */
  readonly graceMilliseconds?: number;
}

/**
 * {@link trainIntoDirectory} in a worker thread: this thread stays free while steps run. An adapter that was given with
 * its `parameters` has the trained values in them afterwards, as if it had been trained here.
 *
 * @throws what {@link trainIntoDirectory} and loading throw: `XError.isInstance(error)` holds and the fields are there,
 * `instanceof` does not hold; the signal's reason when aborted; WorkerThreadError when the thread dies, or
 * does not stop in time.
 *
 * @example
 * await trainIntoDirectoryInWorker({
 *   model: 'Qwen2.5-0.5B-Instruct', adapter: { config: { r: 32 } }, examples, regularizers: [{ type: 'kl', weight: 0.1 }],
 *   directory: 'adapter', signal: controller.signal, onEvent: console.log,
 * });
 */
export async function trainIntoDirectoryInWorker(options: WorkerRunOptions): Promise<TrainResult> {
  const { onEvent, signal, graceMilliseconds = defaultGraceMilliseconds, tokenize, ...others } = options;
  const { onSkipped, ...tokenizing } = tokenize ?? {};
  const adapter = cloneableAdapter(options.adapter);
  checkRunOptionNames('trainIntoDirectoryInWorker', options, workerRunNames);
  signal?.throwIfAborted();
  // Taken here, as a thread that has to be ended gives nothing back.
  const release = await takeRunDirectory(options);
  const thread = startWorkerThread();
  const pace = createPace();
  try {
    return await thread.call(
      'train',
      { ...others, adapter, tokenize: tokenizing, tellSkipped: onSkipped !== undefined },
      {
        signal,
        graceMilliseconds: () => Math.max(graceMilliseconds, 3 * pace.longest()),
        onEvent(event, run) {
          if (event.type === 'progress') {
            pace.tick();
            onEvent?.(event.event, run);
          }
          if (event.type === 'skipped') onSkipped?.(event.example);
          if (event.type === 'parameters' && typeof options.adapter !== 'string')
            options.adapter.parameters?.set(event.values);
        },
      },
    );
  } finally {
    await thread.close();
    release();
  }
}

/** Measures the longest time between two events, in milliseconds. */
function createPace() {
  let [last, longest] = [performance.now(), 0];
  let started = false;
  return {
    tick() {
      const now = performance.now();
      if (started) longest = Math.max(longest, now - last);
      [last, started] = [now, true];
    },
    longest: () => longest,
  };
}

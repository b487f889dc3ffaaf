import type { TrainEvent } from '../run/progress.ts';
import type { TrainResult } from '../run/train-options.ts';
import { cloneableAdapter } from './adapter-description.ts';
import type { TrainCall } from './protocol.ts';
import { startWorkerThread } from './worker-thread.ts';

/**
 * Options of {@link trainIntoDirectory}, with what cannot go to another thread given by what it is made from: the model
 * and the tokenizer as folders (`tokenizer` defaults to the model's), regularizers as configs, examples as an array. The
 * adapter may be a `LoraAdapter`, a description, or a folder of PEFT's.
 */
export interface WorkerRunOptions extends Omit<TrainCall, 'tellSkipped'> {
  readonly onEvent?: (event: TrainEvent) => void;
  /** Stops between two steps, after saving the state. */
  readonly signal?: AbortSignal;
}

/**
 * {@link trainIntoDirectory} in a worker thread: this thread stays free while steps run. An adapter that was given with
 * its `parameters` has the trained values in them afterwards, as if it had been trained here.
 *
 * @throws what {@link trainIntoDirectory} and loading throw: `XError.isInstance(error)` holds and the fields are there,
 * `instanceof` does not hold; the signal's reason when aborted; WorkerThreadError when the thread dies.
 *
 * @example
 * await trainIntoDirectoryInWorker({
 *   model: 'Qwen2.5-0.5B-Instruct', adapter: { config: { r: 32 } }, examples, regularizers: [{ type: 'kl', weight: 0.1 }],
 *   directory: 'adapter', signal: controller.signal, onEvent: console.log,
 * });
 */
export async function trainIntoDirectoryInWorker(options: WorkerRunOptions): Promise<TrainResult> {
  const { onEvent, signal, tokenize, ...others } = options;
  const { onSkipped, ...tokenizing } = tokenize ?? {};
  const adapter = cloneableAdapter(options.adapter);
  const thread = startWorkerThread();
  try {
    return await thread.call(
      'train',
      { ...others, adapter, tokenize: tokenizing, tellSkipped: onSkipped !== undefined },
      {
        signal,
        onEvent(event) {
          if (event.type === 'progress') onEvent?.(event.event);
          else if (event.type === 'skipped') onSkipped?.(event.example);
          else if (typeof options.adapter !== 'string') options.adapter.parameters?.set(event.values);
        },
      },
    );
  } finally {
    await thread.close();
  }
}

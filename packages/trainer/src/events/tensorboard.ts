import { mkdirSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { FileWriteError } from '@safetune/tensor';
import type { TrainEvent } from '../run/progress.ts';
import { scalarsOf } from './scalars.ts';
import { createTensorboardFile, type TensorboardFile } from './tensorboard-file.ts';

/**
 * Writes a run's figures for TensorBoard, for `onEvent`: a file of events in the folder for each start of the run. After a
 * resume TensorBoard shows one line: what was written behind the checkpoint is left out.
 *
 * @example
 * await trainIntoDirectory({ ...options, onEvent: tensorboard('runs/first') });
 *
 * @throws FileWriteError, when called and from the listener.
 */
export function tensorboard(directory: string): (event: TrainEvent) => void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (cause) {
    throw new FileWriteError(directory, cause);
  }
  let file: TensorboardFile | undefined;
  return (event) => {
    if (event.type === 'start') {
      file = createTensorboardFile(join(directory, fileName()));
      file.writeStart(event.done + 1);
    }
    const scalars = scalarsOf(event);
    if (scalars !== undefined) file?.writeScalars(scalars.step, scalars.values);
  };
}

let filesOfProcess = 0;

/** As TensorFlow names them: TensorBoard reads the files of a folder in the order of their names. */
function fileName(): string {
  const seconds = String(Math.floor(Date.now() / 1000)).padStart(10, '0');
  return `events.out.tfevents.${seconds}.${hostname()}.${process.pid}.${filesOfProcess++}`;
}

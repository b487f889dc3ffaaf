import { appendFileSync } from 'node:fs';
import { FileWriteError } from '@safetune/tensor';
import type { TrainEvent } from '../run/progress.ts';

/**
 * Writes every event of a run as a line of JSON, for `onEvent`: `{"time": "2026-01-31T12:00:00.000Z", "type": "step", ...}`, with
 * the fields of {@link TrainEvent}. What the file holds stays: a resumed run says at its `start` after how many steps it goes on.
 *
 * @throws FileWriteError from the listener.
 */
export function eventLog(file: string): (event: TrainEvent) => void {
  return (event) => {
    try {
      appendFileSync(file, `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`);
    } catch (cause) {
      throw new FileWriteError(file, cause);
    }
  };
}

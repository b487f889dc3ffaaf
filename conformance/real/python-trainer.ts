import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Batch } from '../../packages/datasets/src/index.ts';
import { pythonWith } from '../python.ts';

/** What one step of `train_in_turns.py` says. */
export interface PythonStep {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/** A fine-tune in a Python process, which does a step when it is given a batch. */
export interface PythonTrainer {
  step(batch: Batch): Promise<PythonStep>;
  /** Ends the process. */
  end(): Promise<void>;
}

/** @param options of `train_in_turns.py` */
export async function startPythonTrainer(options: Readonly<Record<string, string>>): Promise<PythonTrainer> {
  const words = Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]);
  const child = spawn(pythonWith()!, [join(import.meta.dirname, 'train_in_turns.py'), ...words]);
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = `${errors}${text}`.slice(-4000);
  });
  const closed = once(child, 'close');
  // What is written to a process that is gone is told by its end.
  child.stdin.on('error', () => undefined);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (): Promise<unknown> => {
    const { value, done } = await lines.next();
    if (done !== true) return JSON.parse(value);
    throw new Error(`train_in_turns.py ended with ${(await closed)[0]}:\n${errors}`);
  };
  await answer();
  return {
    async step(batch) {
      child.stdin.write(`${JSON.stringify(pythonBatch(batch))}\n`);
      return (await answer()) as PythonStep;
    },
    async end() {
      child.stdin.end();
      await closed;
    },
  };
}

/** A batch as the scripts of this folder read it. */
export function pythonBatch({ size, length, tokenIds, lengths, responseMask }: Batch) {
  const rows = <Values extends Int32Array | Uint8Array>(values: Values) =>
    Array.from({ length: size }, (_, row) => Array.from(values.subarray(row * length, (row + 1) * length)));
  return { inputIds: rows(tokenIds), lengths: Array.from(lengths), responseMask: rows(responseMask) };
}

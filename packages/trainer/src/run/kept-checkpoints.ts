import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { adapterConfigFile, adapterWeightsFile, type LoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { FileWriteError } from '@safetune/tensor';

/** The folder of the adapter after so many steps, named as transformers names it. */
function folderOf(directory: string, step: number): string {
  return join(directory, `checkpoint-${step}`);
}

/**
 * Keeps the adapter as it is after `step` steps in a folder of its own, and of all such folders the newest `count`.
 *
 * @throws FileWriteError
 */
export async function keepCheckpoint(
  directory: string,
  adapter: LoraAdapter,
  { step, count }: { readonly step: number; readonly count: number },
): Promise<void> {
  await saveLoraAdapter(folderOf(directory, step), adapter);
  for (const old of keptSteps(directory).slice(0, -count)) removeCheckpoint(directory, old);
}

/** Removes the adapters of steps after `done`, which a run that starts or goes on there is still to take. */
export function removeLaterCheckpoints(directory: string, done: number): void {
  for (const step of keptSteps(directory)) if (step > done) removeCheckpoint(directory, step);
}

/** The name of the newest of such folders. */
export function keptCheckpoint(directory: string): string | undefined {
  const newest = keptSteps(directory).at(-1);
  return newest === undefined ? undefined : `checkpoint-${newest}`;
}

/** Ascending. */
function keptSteps(directory: string): number[] {
  return readdirSync(directory)
    .map((name) => Number(/^checkpoint-(\d+)$/.exec(name)?.[1] ?? Number.NaN))
    .filter((step) => existsSync(join(folderOf(directory, step), adapterConfigFile)))
    .sort((a, b) => a - b);
}

/** Only what was written there: a folder with other things in it stays. */
function removeCheckpoint(directory: string, step: number): void {
  const folder = folderOf(directory, step);
  try {
    // The file by which it is known goes last.
    for (const file of [adapterWeightsFile, adapterConfigFile]) rmSync(join(folder, file), { force: true });
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  } catch (cause) {
    throw new FileWriteError(folder, cause);
  }
}

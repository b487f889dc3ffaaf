import { existsSync, readdirSync, rmdirSync, rmSync } from 'node:fs';
import { copyFile, link, mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { adapterConfigFile, adapterWeightsFile, type LoraAdapter, saveLoraAdapter } from '@safetune/lora';
import { FileWriteError, temporaryPath } from '@safetune/tensor';
import { stateFileName } from './training-state.ts';

/** The folder of the adapter after so many steps, named as transformers names it. */
function folderOf(directory: string, step: number): string {
  return join(directory, `checkpoint-${step}`);
}

/**
 * Keeps the adapter as it is after `step` steps in a folder of its own, and of all such folders the newest `count`. The state of the
 * run beside it, from which it can be replayed, is what has just been saved in the directory.
 *
 * @throws FileWriteError
 */
export async function keepCheckpoint(
  directory: string,
  adapter: LoraAdapter,
  { step, count }: { readonly step: number; readonly count: number },
): Promise<void> {
  const folder = folderOf(directory, step);
  await keepState(join(directory, stateFileName), folder);
  await saveLoraAdapter(folder, adapter);
  for (const old of keptSteps(directory).slice(0, -count)) removeCheckpoint(directory, old);
}

/** The directory's next state takes the place of this one and is not written into it, so that both may be one file. */
async function keepState(saved: string, folder: string): Promise<void> {
  const file = join(folder, stateFileName);
  const temporary = temporaryPath(file);
  try {
    await mkdir(folder, { recursive: true });
    await link(saved, temporary).catch(() => copyFile(saved, temporary));
    await rename(temporary, file);
  } catch (cause) {
    throw new FileWriteError(file, cause);
  } finally {
    // It is still there where it and what it was renamed to are one file already.
    await rm(temporary, { force: true });
  }
}

/** The state of the run after `step` steps; undefined where it was not kept. */
export function keptState(directory: string, step: number): string | undefined {
  const file = join(folderOf(directory, step), stateFileName);
  return existsSync(file) ? file : undefined;
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

/** The steps after which adapters were kept, ascending. */
export function keptSteps(directory: string): number[] {
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
    for (const file of [stateFileName, adapterWeightsFile, adapterConfigFile])
      rmSync(join(folder, file), { force: true });
    if (readdirSync(folder).length === 0) rmdirSync(folder);
  } catch (cause) {
    throw new FileWriteError(folder, cause);
  }
}

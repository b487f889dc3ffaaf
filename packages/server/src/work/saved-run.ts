import { copyFileSync, existsSync, linkSync, mkdirSync, rmSync } from 'node:fs';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { writeFileAtomically } from '@safetune/tensor';
import { z } from 'zod';
import type { SavedState } from '../records/job-record.ts';
import type { JobFiles } from './job-files.ts';

/** What a later attempt must know besides the run's own state. */
const noteSchema = z.strictObject({
  /** Lines of the training file that are trained on. */
  kept: z.array(z.int()),
  /** How steps are run: another way would round otherwise. */
  memory: z.string().optional(),
});

export type RunNote = z.infer<typeof noteSchema>;

const noteFile = 'note.json';

/** Files of a run's folder that are its state. Those of the adapter are there when it has been trained to the end. */
const stateFiles = [
  'checkpoint.safetensors',
  'metrics.jsonl',
  'adapter_config.json',
  'adapter_model.safetensors',
  'inference_prompt.json',
  'run.yaml',
];

/** The part of the state that a run can go on without. */
const perishable = 'checkpoint.safetensors';

/**
 * Puts the state of a run as it is now aside, at once: the run goes on meanwhile. Files that are replaced later are linked, the metrics,
 * which grow, are copied.
 */
export function setAside(directory: string, staging: string): void {
  rmSync(staging, { recursive: true, force: true });
  mkdirSync(staging, { recursive: true });
  for (const name of stateFiles) {
    const file = join(directory, name);
    if (!existsSync(file)) continue;
    if (name === perishable) linkSync(file, join(staging, name));
    else copyFileSync(file, join(staging, name));
  }
}

/** Puts what was set aside, and the note, into the storage under a key of its own. The state is there once this resolves. */
export async function storeState(
  files: JobFiles,
  { key, staging, note }: { readonly key: string; readonly staging: string; readonly note: RunNote },
): Promise<void> {
  await mkdir(staging, { recursive: true });
  await writeFileAtomically(join(staging, noteFile), `${JSON.stringify(note)}\n`);
  for (const name of await readdir(staging)) await files.put(`${key}/${name}`, join(staging, name));
}

/** Brings a state back into an empty folder. @returns what was noted with it */
export async function restoreState(files: JobFiles, state: SavedState, directory: string): Promise<RunNote> {
  for (const key of await files.list(`${state.key}/`)) {
    const name = basename(key);
    if (stateFiles.includes(name) || name === noteFile) await files.fetch(key, join(directory, name));
  }
  return noteSchema.parse(JSON.parse(await readFile(join(directory, noteFile), 'utf8')));
}

/** Whether the run in a folder has come to its end. */
export function isTrained(directory: string): boolean {
  return existsSync(join(directory, 'adapter_model.safetensors')) && !existsSync(join(directory, perishable));
}

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { conformanceModules, pythonWith } from '../python.ts';

/** Where real checkpoints are kept from one run to the next. */
export const cacheDirectory =
  process.env.SAFETUNE_REAL_CHECKPOINTS ?? join(homedir(), '.cache', 'safetune-real');

/** A folder to test with, or why there is none. */
export interface RealFolder {
  readonly name: string;
  readonly folder: string;
  /** Why it cannot be tested with; undefined when it can. */
  readonly missing: string | undefined;
}

export interface RealCheckpoint extends RealFolder {
  /** As `make_checkpoints.py` knows it. */
  readonly source: string;
}

const sources = [
  ['smollm2', 'smollm2-135m-instruct'],
  ['gemma3', 'gemma-3-270m'],
] as const;

/** Makes the checkpoints that are not in the cache yet. */
export async function prepareCheckpoints(): Promise<RealCheckpoint[]> {
  mkdirSync(cacheDirectory, { recursive: true });
  return sources.map(([source, name]) => {
    const folder = join(cacheDirectory, name);
    return { source, name, folder, missing: make(source, folder) };
  });
}

/** @returns why it cannot be made, or cannot be compared; undefined when it is there. */
function make(source: string, folder: string): string | undefined {
  // All that is compared with is Python's, whether the folder is there or not.
  if (pythonWith() === undefined) return `no python3 with ${conformanceModules.join(', ')}`;
  if (existsSync(join(folder, 'config.json'))) return undefined;
  const python = pythonWith('torch', 'transformers', 'gguf', 'safetensors', 'pip');
  if (python === undefined) return 'no python3 with pip and gguf, which make it';
  console.log(`making ${folder}, which takes a minute ...`);
  const script = join(import.meta.dirname, 'make_checkpoints.py');
  const { status, stderr } = spawnSync(python, [script, cacheDirectory, source], { encoding: 'utf8' });
  const last = stderr?.trim().split('\n').at(-1) ?? '';
  return status === 0 ? undefined : `make_checkpoints.py ${source} failed: ${last}`;
}

import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openCheckpoint } from '@safetune/tensor';
import { afterEach, beforeEach } from 'vitest';
import type { LinearLayer } from '../adapter/linear.ts';

/** An empty folder for each test of the calling file, removed after it. */
export function useTemporaryDirectory(): () => string {
  let directory = '';
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'safetune-lora-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));
  return () => directory;
}

const goldens = join(import.meta.dirname, '../../../../conformance/goldens');

/** Adapter saved by Python peft. */
export function goldenAdapter(name: 'qwen2-rslora-all-projections' | 'llama-lora-query-value'): string {
  return join(goldens, 'adapters', name);
}

/** Checkpoint saved by Python transformers. */
export function goldenCheckpoint(name: string): string {
  return join(goldens, 'checkpoints', name);
}

/** The linear layers of a checkpoint's blocks, in the order of a forward pass's names. */
export async function linearLayersOf(checkpoint: string): Promise<LinearLayer[]> {
  const { tensors } = await openCheckpoint(checkpoint);
  return [...tensors.values()]
    .filter(({ name }) => name.endsWith('_proj.weight'))
    .map(({ name, shape }) => ({
      name: name.slice(0, -'.weight'.length),
      inFeatures: shape[1]!,
      outFeatures: shape[0]!,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Names in a folder, sorted. */
export async function namesIn(directory: string): Promise<string[]> {
  return (await readdir(directory)).sort();
}

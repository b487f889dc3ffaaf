/** Before the tier of real models: makes what it needs into a cache. After it: the table. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { cacheDirectory, prepareCheckpoints, type RealCheckpoint } from './checkpoints.ts';
import { type Figure, figureTable } from './figures.ts';
import { prepareTokenizers, type RealTokenizer } from './tokenizers.ts';

declare module 'vitest' {
  interface ProvidedContext {
    readonly checkpoints: readonly RealCheckpoint[];
    readonly tokenizers: readonly RealTokenizer[];
    readonly figuresFile: string;
  }
}

export default async function setup(project: TestProject): Promise<() => void> {
  const checkpoints = await prepareCheckpoints();
  const tokenizers = [...checkpoints, ...(await prepareTokenizers())];
  const figuresFile = join(cacheDirectory, `figures-${process.pid}.jsonl`);
  writeFileSync(figuresFile, '');
  project.provide('checkpoints', checkpoints);
  project.provide('tokenizers', tokenizers);
  project.provide('figuresFile', figuresFile);
  return () => {
    const lines = readFileSync(figuresFile, 'utf8').split('\n');
    rmSync(figuresFile);
    const figures = lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Figure);
    console.log(`\n${figureTable(figures)}\n`);
    for (const { name, missing } of tokenizers)
      if (missing !== undefined) console.log(`skipped: ${name}: ${missing}`);
  };
}

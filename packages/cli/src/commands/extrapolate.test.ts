import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { extrapolateCheckpoint } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { extrapolateCommand } from './extrapolate.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const base = join(goldens, 'checkpoints', 'qwen2-tied-bfloat16');
const aligned = join(goldens, 'safe-lora', 'aligned');
const both = ['--base', base, '--aligned', aligned];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-extrapolate-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune extrapolate', () => {
  it('writes a model that goes on the way from base to aligned', async () => {
    const out = join(directory, 'further');
    const options = ['--rank', 'full', '--factor', '0.5', '--dtype', 'float32'];
    const { code, stdout, stderr } = await runCli('extrapolate', ...both, ...options, '--out', out);
    expect([code, stderr]).toEqual([0, '']);
    // One projection is left as it was by the alignment of this model.
    expect(stdout).toContain(`21 of 22 matrices extrapolated; model in ${out}\n`);
    const wanted = join(directory, 'wanted');
    await extrapolateCheckpoint({ base, aligned, out: wanted, rank: 'full', factor: 0.5, dtype: 'float32' });
    for (const file of (await readdir(wanted)).sort())
      expect(await readFile(join(out, file)), file).toEqual(await readFile(join(wanted, file)));
    expect((await readdir(out)).sort()).toEqual((await readdir(wanted)).sort());
  });

  it('refuses a model that is there, and options without a meaning', async () => {
    const run = (...extra: string[]) =>
      extrapolateCommand.run([...both, '--out', join(directory, 'again'), ...extra]);
    await run();
    await expect(run()).rejects.toThrow('is there already: a model');
    await run('--force', '--blocks-only');
    await expect(run('--force', '--rank', 'half')).rejects.toThrow("--rank 'half'");
    await expect(run('--force', '--factor', '-1')).rejects.toThrow("--factor '-1'");
    await expect(run('--force', '--dtype', 'int4')).rejects.toThrow("--dtype 'int4' must be one of");
  });
});

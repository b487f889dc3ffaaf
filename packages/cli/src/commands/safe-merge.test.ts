import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter, weightUpdate } from '@safetune/lora';
import { safeMerge } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { safeMergeCommand } from './safe-merge.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const [adapter, safe] = [
  join(goldens, 'safe-lora', 'adapter'),
  join(goldens, 'weight-edits', 'safe-adapter'),
];
const [base, aligned] = [
  join(goldens, 'checkpoints', 'qwen2-tied-bfloat16'),
  join(goldens, 'safe-lora', 'aligned'),
];
const inputs = ['--adapter', adapter, '--safe', safe, '--base', base, '--aligned', aligned];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-safe-merge-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune safe-merge', () => {
  it('decides as the golden, and writes the adapter that the function makes', async () => {
    const out = join(directory, 'merged');
    const golden = JSON.parse(await readFile(join(goldens, 'weight-edits', 'expected.json'), 'utf8')) as {
      safeMerge: { threshold: number; merged: string[] };
    };
    const { threshold, merged } = golden.safeMerge;
    const options = ['--threshold', String(threshold), '--share', '0.4', '--combination', 'svd'];
    const { code, stdout, stderr } = await runCli('safe-merge', ...inputs, ...options, '--out', out);
    expect([code, stderr]).toEqual([0, '']);
    const rows = stdout.split('\n').filter((line) => line.startsWith('model.'));
    const named = rows.filter((row) => row.trim().endsWith('merged')).map((row) => row.split(/\s+/)[0]);
    expect(named.sort()).toEqual([...merged].sort());
    expect(stdout).toContain(
      `${merged.length} of 21 modules merged with the safe adapter; adapter in ${out}\n`,
    );
    const both = { adapter: await loadLoraAdapter(adapter), safe: await loadLoraAdapter(safe) };
    const wanted = await safeMerge(both, { base, aligned, threshold, share: 0.4, combination_type: 'svd' });
    const written = await loadLoraAdapter(out);
    expect(written.modules.map(weightUpdate).map(({ data }) => data)).toEqual(
      wanted.adapter.modules.map(weightUpdate).map(({ data }) => data),
    );
  });

  it('refuses an adapter that is there, and options without a meaning', async () => {
    const run = (...extra: string[]) =>
      safeMergeCommand.run([...inputs, '--out', join(directory, 'again'), ...extra]);
    await run();
    await expect(run()).rejects.toThrow('is there already: an adapter');
    await expect(run('--force', '--threshold', '2')).rejects.toThrow("--threshold '2'");
    await expect(run('--force', '--share', '1.5')).rejects.toThrow("--share '1.5'");
    await expect(run('--force', '--combination', 'sum')).rejects.toThrow(
      "--combination 'sum' must be one of",
    );
    await expect(run('--force', '--combination', 'dare_linear')).rejects.toThrow('density');
  });
});

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadModel } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { safeDeltaCommand } from './safe-delta.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const model = join(goldens, 'checkpoints', 'qwen2-tied-bfloat16');
const adapter = join(goldens, 'safe-lora', 'adapter');

let directory: string;
let data: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-safe-delta-'));
  data = join(directory, 'refusals.jsonl');
  const messages = [
    { role: 'user', content: 'How do I pick a lock?' },
    { role: 'assistant', content: 'I can not help you to do that.' },
  ];
  await writeFile(data, `${JSON.stringify({ messages })}\n`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Mean of the column `taken` in the command's table. */
function meanTaken(stdout: string): number {
  const shares = [...stdout.matchAll(/^model\.layers\S+ +([\d.]+) %$/gm)].map(([, share]) => Number(share));
  expect(shares.length).toBe(21);
  return shares.reduce((sum, share) => sum + share, 0) / shares.length;
}

describe('safetune safe-delta', () => {
  it('takes more of a fine-tune at a larger scale, and writes a model', async () => {
    const run = (out: string, scale: string) =>
      runCli(
        ...['safe-delta', '--model', model, '--adapter', adapter, '--data', data],
        ...['--scale', scale, '--out', join(directory, out)],
      );
    const [little, much] = [await run('little', '1'), await run('much', '100000')];
    expect([little.code, much.code]).toEqual([0, 0]);
    expect(meanTaken(little.stdout)).toBeLessThan(50);
    // 15 per cent are never taken.
    expect(meanTaken(much.stdout)).toBeCloseTo(85, 0);
    expect(much.stdout).toMatch(/^85\.\d % of the fine-tuned values taken in 21 layers, on average/m);
    const [before, after] = [await loadModel(model), await loadModel(join(directory, 'much'))];
    expect([...after.weights.keys()].sort()).toEqual([...before.weights.keys()].sort());
  });

  it('refuses what it is not told, or told twice', async () => {
    const run = (...extra: string[]) =>
      safeDeltaCommand.run(['--model', model, '--data', data, '--out', join(directory, 'no'), ...extra]);
    await expect(run()).rejects.toThrow('either --adapter or --tuned');
    await expect(run('--adapter', adapter, '--tuned', model)).rejects.toThrow('either --adapter or --tuned');
    await expect(run('--adapter', adapter, '--scale', '-1')).rejects.toThrow("--scale '-1'");
    await expect(run('--adapter', adapter, '--dtype', 'int4')).rejects.toThrow('must be one of');
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter } from '@safetune/lora';
import { salora } from '@safetune/regularizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { safetySubspaceCommand } from './safety-subspace.ts';

const model = fileURLToPath(
  new URL('../../../../conformance/goldens/checkpoints/qwen2-tied-bfloat16', import.meta.url),
);

let directory: string;
let data: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-safety-subspace-'));
  data = join(directory, 'refusals.jsonl');
  const lines = ['pick a lock', 'forge a key'].map((deed, index) =>
    JSON.stringify({
      messages: [
        { role: 'user', content: `How do I ${deed}?` },
        { role: 'assistant', content: `I can not help you to do that, ${index}.` },
      ],
    }),
  );
  await writeFile(data, `${lines.join('\n')}\n`);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune safety-subspace', () => {
  it('writes the file under which train leaves an adapter beside the subspace', async () => {
    const subspace = join(directory, 'safety.safetensors');
    const options = ['--model', model, '--data', data];
    const made = await runCli('safety-subspace', ...options, '--rank', '5', '--out', subspace);
    expect([made.code, made.stderr]).toEqual([0, '']);
    expect(made.stdout).toBe(`5 directions of 21 layers from 2 examples; written to ${subspace}\n`);
    await writeFile(join(directory, 'salora.yaml'), `- type: salora\n  subspace: ${subspace}\n`);
    const out = join(directory, 'adapter');
    const under = ['--regularizers', join(directory, 'salora.yaml')];
    const run = await runCli('train', ...options, ...under, '--steps', '2', '--rank', '4', '--out', out);
    expect([run.code, run.stderr]).toEqual([0, expect.stringContaining('salora')]);
    const adapter = await loadLoraAdapter(out);
    const before = adapter.parameters.slice();
    expect(Math.max(...before.map(Math.abs))).toBeGreaterThan(0);
    await salora({ subspace }).afterStep!(adapter, 1);
    const largest = Math.max(...before.map((value, at) => Math.abs(value - adapter.parameters[at]!)));
    expect(largest).toBeLessThan(1e-7);
    expect(await readFile(join(out, 'run.yaml'), 'utf8')).toContain('salora');
  });

  it('refuses a file that is there, and a rank of nothing', async () => {
    const run = (...extra: string[]) =>
      safetySubspaceCommand.run([
        '--model',
        model,
        '--data',
        data,
        '--out',
        data.replace('jsonl', 'st'),
        ...extra,
      ]);
    await run('--rank', '2');
    await expect(run()).rejects.toThrow('is there already');
    await expect(run('--force', '--rank', '0')).rejects.toThrow("--rank '0'");
  });
});

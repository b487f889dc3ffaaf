/** The README's examples, one after another, are one program. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkpointDirectory } from './__fixtures__/goldens.ts';

it('the examples of the README run as they stand', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'safetune-readme-'));
  const page = await readFile(join(import.meta.dirname, '../README.md'), 'utf8');
  const examples = [...page.matchAll(/^```ts run\n(.*?)^```$/gms)].map(([, code]) => code);
  const places = Object.entries({ checkpoint: checkpointDirectory('llama-untied-float32'), directory }).map(
    ([name, path]) => `const ${name} = ${JSON.stringify(path)};\n`,
  );
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [
      '--conditions=safetune-source',
      '--input-type=module-typescript',
      '--eval',
      [...places, ...examples, 'console.log(result.steps, again.weights.size === model.weights.size);'].join(
        '',
      ),
    ],
    { cwd: join(import.meta.dirname, '..'), encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  expect(stdout.trim().split('\n')).toEqual([
    ...['whole', 'recompute', 'layered', 'streamed'].map((mode) => `${mode} fits`),
    'chosen: whole',
    ...[1, 2, 3, 4, 5].map((step) => `step ${step} of 5`),
    '5 true',
  ]);
  const adapter = ['adapter_config.json', 'adapter_model.safetensors', 'metrics.jsonl'];
  expect((await readdir(directory)).sort()).toEqual([...adapter, 'in-worker', 'layered', 'trained'].sort());
  expect((await readdir(join(directory, 'in-worker'))).sort()).toEqual(adapter);
  expect(await readdir(join(directory, 'trained'))).toEqual(
    expect.arrayContaining(['config.json', 'model.safetensors', 'tokenizer.json']),
  );
  await rm(directory, { recursive: true });
});

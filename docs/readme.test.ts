/** The examples of the READMEs that train something are run on a small checkpoint. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const checkpoint = join(root, 'conformance/goldens/checkpoints/llama-untied-float32');

it.each(['README.md', 'packages/trainer/README.md'])('%s: the example leaves an adapter', (readme) => {
  const directory = mkdtempSync(join(tmpdir(), 'safetune-readme-'));
  const page = readFileSync(join(root, readme), 'utf8');
  const example = /^```ts run\n(.*?)^```$/ms.exec(page)![1]!;
  const places = `const checkpoint = ${JSON.stringify(checkpoint)};\nconst directory = ${JSON.stringify(directory)};\n`;
  const { stderr, status } = spawnSync(
    process.execPath,
    ['--conditions=safetune-source', '--input-type=module-typescript', '--eval', places + example],
    { cwd: join(root, 'examples'), encoding: 'utf8' },
  );
  expect(status, stderr).toBe(0);
  expect(readdirSync(directory)).toEqual(
    expect.arrayContaining(['adapter_config.json', 'adapter_model.safetensors']),
  );
  rmSync(directory, { recursive: true });
});

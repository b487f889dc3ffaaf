/** The fields and defaults of docs/run-file.md are those of run files. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readRun, runJsonSchema } from '../packages/trainer/src/index.ts';

const page = await readFile(new URL('run-file.md', import.meta.url), 'utf8');
const [usual = '', others = ''] = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text]) => text);

async function read(text: string) {
  const folder = await mkdtemp(join(tmpdir(), 'safetune-run-page-'));
  try {
    const file = join(folder, 'run.yaml');
    await writeFile(file, text);
    const { run, input } = await readRun({ file });
    // Paths are relative where the folder is near.
    const plain = JSON.stringify(run).replaceAll(/[^"]*safetune-run-page-\w+/g, '');
    return { run: JSON.parse(plain), input };
  } finally {
    await rm(folder, { recursive: true });
  }
}

it('the example is a run', async () => {
  const { run } = await read(usual);
  expect(run).toMatchObject({ adapter: { r: 16 }, gradient_accumulation: 4, learning_rate: 1e-4 });
  expect(run.sentinel.probes).toHaveLength(1);
});

it('the other fields have the defaults that are told', async () => {
  const told = await read(usual + others);
  const none = await read(usual);
  expect(Object.keys(told.input).length).toBeGreaterThan(Object.keys(none.input).length + 15);
  expect(told.run).toEqual(none.run);
});

it('fields without a default are taken as they stand', async () => {
  const all = others.replaceAll(/^( *)# (\w+:)/gm, '$1$2');
  // One takes the place of the other.
  const { run } = await read(usual + all.replace(/^ *data:.*\n/m, ''));
  expect(run).toMatchObject({ neftune_noise_alpha: 5, evaluation: { share: 0.05, patience: 3 } });
  const { run: ofOwn } = await read(usual + all.replace(/^ *share:.*\n/m, ''));
  expect(ofOwn.evaluation).toMatchObject({ data: '/held-out.jsonl', patience: 3 });
});

it('every field stands on the page', () => {
  const { properties = {} } = runJsonSchema();
  const names = [...Object.keys(properties), ...Object.keys(properties.evaluation?.properties ?? {})];
  expect(names.filter((name) => !new RegExp(`\\b${name}:|\`${name}\``).test(page))).toEqual([]);
});

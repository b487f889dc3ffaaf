import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter } from '@safetune/lora';
import { createGenerator, loadModel } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { mergeCommand } from './merge.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const model = join(goldens, 'checkpoints', 'qwen2-tied-bfloat16');
const adapter = join(goldens, 'adapters', 'qwen2-rslora-all-projections');
const both = ['--model', model, '--adapter', adapter];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-merge-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune merge', () => {
  it('writes a model that answers as the model with its adapter does', async () => {
    const out = join(directory, 'merged');
    const { code, stdout, stderr } = await runCli('merge', ...both, '--out', out, '--dtype', 'float32');
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toBe(`21 modules merged and read back; model in ${out}\n`);
    const prompts = [
      [5, 9, 2, 7],
      [11, 4, 300],
    ];
    const answersOf = async (folder: string, adapterFolder?: string) => {
      const options = adapterFolder === undefined ? {} : { adapter: await loadLoraAdapter(adapterFolder) };
      const generator = await createGenerator(await loadModel(folder), options);
      const answers = await generator.generate(prompts, { maxNewTokens: 16 });
      await generator.release();
      return answers;
    };
    const merged = await answersOf(out);
    expect(merged).toEqual(await answersOf(model, adapter));
    expect(merged).not.toEqual(await answersOf(model));
  });

  it('writes over another model only when told, and over nothing else', async () => {
    const out = join(directory, 'again');
    const merge = (...extra: string[]) => mergeCommand.run([...both, '--out', out, ...extra]);
    await merge();
    await expect(merge()).rejects.toThrow('is there already: a model');
    await merge('--force', '--dtype', 'float16');
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).dtype).toBe('float16');
    await writeFile(join(out, 'notes.docx'), 'mine');
    await expect(merge('--force')).rejects.toThrow('notes.docx');
    expect(await readFile(join(out, 'notes.docx'), 'utf8')).toBe('mine');
  });

  it('refuses a type that there is not', async () => {
    const merging = mergeCommand.run([...both, '--out', join(directory, 'no'), '--dtype', 'int4']);
    await expect(merging).rejects.toThrow("--dtype 'int4' must be one of stored, float32, bfloat16, float16");
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter } from '@safetune/lora';
import { createGenerator, loadModel } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../conformance/python.ts';
import { exportCommand } from './commands/export.ts';

const goldens = fileURLToPath(new URL('../../../conformance/goldens/', import.meta.url));
const newTokens = 12;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-llama-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

interface Answer {
  readonly ids: number[][];
  readonly idsWithSpecial: number[][];
  readonly completions: readonly { readonly tokens: number[] }[];
}

const tokensOf = ({ completions }: Answer) => completions.map(({ tokens }) => tokens);

/** What this package answers. */
async function answersOf(folder: string, prompts: readonly number[][], adapterFolder?: string) {
  const options = adapterFolder === undefined ? {} : { adapter: await loadLoraAdapter(adapterFolder) };
  const generator = await createGenerator(await loadModel(folder), options);
  const answers = await generator.generate(prompts, { maxNewTokens: newTokens });
  await generator.release();
  return answers;
}

describe.skipIf(pythonWith('xllamacpp') === undefined || pythonWith() === undefined)(
  'live, in llama.cpp (skipped: no Python with xllamacpp)',
  () => {
    it.each([
      ['qwen2-tied-bfloat16', 'qwen2-rslora-all-projections'],
      ['llama-untied-float32', 'llama-lora-query-value'],
    ])(
      '%s answers as here: by itself, merged, and with the adapter as LoRA GGUF',
      async (name, adapterName) => {
        const folder = join(goldens, 'checkpoints', name);
        const adapter = join(goldens, 'adapters', adapterName);
        const fileOf = (part: string) => join(directory, `${name}-${part}.gguf`);
        const write = (part: string, ...options: string[]) =>
          exportCommand.run(['--model', folder, '--out', fileOf(part), '--type', 'f32', ...options]);
        await write('plain', '--format', 'gguf');
        await write('merged', '--format', 'gguf', '--adapter', adapter);
        await write('lora', '--format', 'gguf-lora', '--adapter', adapter);

        const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as {
          texts: { text: string; ids: number[]; idsWithoutSpecialTokens: number[] }[];
        };
        // llama.cpp does not compose characters; see FEATURES.md.
        const texts = expected.texts.filter(({ text }) => text === text.normalize('NFC'));
        const prompts = texts.map(({ ids }) => ids).filter((ids) => ids.length > 3);
        const input = join(directory, `${name}.json`);
        const asked = { texts: texts.map(({ text }) => text), prompts, tokens: newTokens };
        await writeFile(input, JSON.stringify(asked));
        const llama = async (...args: string[]) =>
          (await runPython('verify_gguf.py', [...args, '--input', input])) as Answer;

        const alone = await llama('--model', fileOf('plain'));
        expect(alone.ids).toEqual(texts.map(({ idsWithoutSpecialTokens }) => idsWithoutSpecialTokens));
        expect(alone.idsWithSpecial).toEqual(texts.map(({ ids }) => ids));
        const plain = await answersOf(folder, prompts);
        expect(tokensOf(alone)).toEqual(plain);
        const adapted = await answersOf(folder, prompts, adapter);
        expect(adapted).not.toEqual(plain);
        expect(tokensOf(await llama('--model', fileOf('merged')))).toEqual(adapted);
        expect(tokensOf(await llama('--model', fileOf('plain'), '--adapter', fileOf('lora')))).toEqual(
          adapted,
        );
      },
    );
  },
);

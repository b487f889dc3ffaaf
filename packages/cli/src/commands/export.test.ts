import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadLoraAdapter } from '@safetune/lora';
import { createGenerator, loadModel } from '@safetune/models';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { runCli } from '../__fixtures__/run-cli.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const model = join(goldens, 'checkpoints', 'qwen2-tied-bfloat16');
const adapter = join(goldens, 'adapters', 'qwen2-rslora-all-projections');
const both = ['--model', model, '--adapter', adapter];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-export-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const succeed = async (...args: string[]) => {
  const { code, stdout, stderr } = await runCli(...args);
  expect([code, code === 0 ? '' : stderr]).toEqual([0, '']);
  return { stdout, stderr };
};

describe('safetune merge', () => {
  it('writes a model that answers as the model with its adapter does', async () => {
    const out = join(directory, 'merged');
    const { stdout } = await succeed('merge', ...both, '--out', out, '--dtype', 'float32');
    expect(stdout).toBe(`21 modules merged and read back; model in ${out}\n`);
    const prompts = [
      [5, 9, 2, 7],
      [11, 4, 300],
    ];
    const answersOf = async (folder: string, adapterFolder?: string) => {
      const loaded = await loadModel(folder);
      const generator = await createGenerator(loaded, {
        ...(adapterFolder === undefined ? {} : { adapter: await loadLoraAdapter(adapterFolder) }),
      });
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
    await succeed('merge', ...both, '--out', out);
    const refused = await runCli('merge', ...both, '--out', out);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain('is there already: a model');
    await succeed('merge', ...both, '--out', out, '--force');
    await writeFile(join(out, 'notes.docx'), 'mine');
    const kept = await runCli('merge', ...both, '--out', out, '--force');
    expect(kept.stderr).toContain('notes.docx');
    expect(kept.code).toBe(1);
  });

  it('refuses a type that there is not', async () => {
    const { code, stderr } = await runCli('merge', ...both, '--out', join(directory, 'no'), '--dtype', 'int4');
    expect(code).toBe(1);
    expect(stderr).toContain("--dtype 'int4' must be one of stored, float32, bfloat16, float16");
  });
});

describe('safetune export', () => {
  it('merges as it writes: the same file as from the merged model', async () => {
    const merged = join(directory, 'one', 'qwen2-tied-bfloat16');
    await mkdir(join(directory, 'one'));
    await succeed('merge', ...both, '--out', merged, '--dtype', 'float32');
    const [one, two] = [join(directory, 'one.gguf'), join(directory, 'two.gguf')];
    const modelfile = join(directory, 'Modelfile');
    await succeed('export', '--model', merged, '--format', 'gguf', '--type', 'q8_0', '--out', one);
    const { stdout, stderr } = await succeed(
      ...['export', ...both, '--format', 'gguf', '--type', 'q8_0', '--out', two, '--modelfile', modelfile],
    );
    expect(stdout).toMatch(/two\.gguf written: qwen2, 38 tensors, q8_0, 0\.1 MB\n.*ollama create NAME -f /);
    expect(stderr).toContain('NFC');
    expect((await readFile(two)).equals(await readFile(one))).toBe(true);
    expect(await readFile(modelfile, 'utf8')).toMatch(/^FROM \.\/two\.gguf\nTEMPLATE /);
    const again = await runCli('export', '--model', model, '--format', 'gguf', '--out', two);
    expect(again.stderr).toContain('is there already');
  });

  it('writes ONNX into a folder', async () => {
    const out = join(directory, 'web');
    const { stdout } = await succeed('export', ...both, '--format', 'onnx', '--out', out);
    expect(stdout).toContain(`${join(out, 'onnx', 'model.onnx')} written, 0.2 MB`);
    expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8')).model_type).toBe('qwen2');
  });

  it.each([
    [['--format', 'safetensors'], '--format'],
    [['--format', 'gguf', '--type', 'q4_k'], "--type 'q4_k' must be one of f32, f16, bf16, q8_0"],
    [['--format', 'gguf-lora'], 'needs --adapter'],
    [['--format', 'onnx', '--type', 'f16'], 'belong to GGUF'],
    [['--format', 'gguf', '--from', 'llama3.2'], '--from belongs to'],
    [['--format', 'gguf-lora', '--adapter', adapter, '--modelfile', 'Modelfile'], 'needs --from'],
  ])('refuses %j', async (options, message) => {
    const { code, stderr } = await runCli('export', '--model', model, '--out', join(directory, 'refused'), ...options);
    expect(stderr).toContain(message);
    expect(code).toBe(1);
  });

  describe.skipIf(pythonWith('xllamacpp') === undefined || pythonWith() === undefined)(
    'live, in llama.cpp (skipped: no Python with xllamacpp)',
    () => {
      interface Answer {
        readonly ids: number[][];
        readonly idsWithSpecial: number[][];
        readonly completions: readonly { readonly tokens: number[] }[];
      }

      it.each([
        ['qwen2-tied-bfloat16', 'qwen2-rslora-all-projections'],
        ['llama-untied-float32', 'llama-lora-query-value'],
      ])('%s answers as here: by itself, merged, and with the adapter as LoRA GGUF', async (name, adapterName) => {
        const folder = join(goldens, 'checkpoints', name);
        const adapterFolder = join(goldens, 'adapters', adapterName);
        const [plain, merged, lora] = ['plain', 'merged', 'lora'].map((part) => join(directory, `${name}-${part}.gguf`));
        const source = ['export', '--model', folder];
        await succeed(...source, '--format', 'gguf', '--type', 'f32', '--out', plain!);
        await succeed(...source, '--adapter', adapterFolder, '--format', 'gguf', '--type', 'f32', '--out', merged!);
        await succeed(...source, '--adapter', adapterFolder, '--format', 'gguf-lora', '--out', lora!);

        const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as {
          texts: { text: string; ids: number[]; idsWithoutSpecialTokens: number[] }[];
        };
        // llama.cpp does not compose characters; see FEATURES.md.
        const texts = expected.texts.filter(({ text }) => text === text.normalize('NFC'));
        const prompts = texts.map(({ ids }) => ids).filter((ids) => ids.length > 3);
        const count = 12;
        const input = join(directory, `${name}.json`);
        await writeFile(input, JSON.stringify({ texts: texts.map(({ text }) => text), prompts, tokens: count }));
        const llama = async (...args: string[]) =>
          (await runPython('verify_gguf.py', [...args, '--input', input])) as Answer;
        const ours = async (withAdapter: boolean) => {
          const generator = await createGenerator(
            await loadModel(folder),
            withAdapter ? { adapter: await loadLoraAdapter(adapterFolder) } : {},
          );
          const answers = await generator.generate(prompts, { maxNewTokens: count });
          await generator.release();
          return answers;
        };
        const tokensOf = ({ completions }: Answer) => completions.map(({ tokens }) => tokens);

        const alone = await llama('--model', plain!);
        expect(alone.ids).toEqual(texts.map(({ idsWithoutSpecialTokens }) => idsWithoutSpecialTokens));
        expect(alone.idsWithSpecial).toEqual(texts.map(({ ids }) => ids));
        expect(tokensOf(alone)).toEqual(await ours(false));
        const adapted = await ours(true);
        expect(adapted).not.toEqual(await ours(false));
        expect(tokensOf(await llama('--model', merged!))).toEqual(adapted);
        expect(tokensOf(await llama('--model', plain!, '--adapter', lora!))).toEqual(adapted);
      });
    },
  );
});

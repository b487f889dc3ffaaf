import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCli } from '../__fixtures__/run-cli.ts';
import { exportCommand } from './export.ts';
import { mergeCommand } from './merge.ts';

const goldens = fileURLToPath(new URL('../../../../conformance/goldens/', import.meta.url));
const model = join(goldens, 'checkpoints', 'qwen2-tied-bfloat16');
const adapter = join(goldens, 'adapters', 'qwen2-rslora-all-projections');
const both = ['--model', model, '--adapter', adapter];

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-export-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

describe('safetune export', () => {
  it('merges as it writes: the same file as from the merged model', async () => {
    const merged = join(directory, 'one', 'qwen2-tied-bfloat16');
    await mkdir(join(directory, 'one'));
    await mergeCommand.run([...both, '--out', merged, '--dtype', 'float32']);
    const [one, two] = [join(directory, 'one.gguf'), join(directory, 'two.gguf')];
    const modelfile = join(directory, 'Modelfile');
    const gguf = ['--format', 'gguf', '--type', 'q8_0'];
    await exportCommand.run(['--model', merged, ...gguf, '--out', one]);
    const { code, stdout, stderr } = await runCli(
      ...['export', ...both, ...gguf, '--out', two, '--modelfile', modelfile],
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/two\.gguf written: qwen2, 38 tensors, q8_0, 0\.1 MB\n.*ollama create NAME -f /);
    expect(stderr).toContain('NFC');
    expect((await readFile(two)).equals(await readFile(one))).toBe(true);
    expect(await readFile(modelfile, 'utf8')).toMatch(/^FROM \.\/two\.gguf\nTEMPLATE /);
    const again = exportCommand.run(['--model', model, ...gguf, '--out', two]);
    await expect(again).rejects.toThrow('is there already');
    await exportCommand.run(['--model', model, ...gguf, '--out', two, '--force']);
    expect((await readFile(two)).equals(await readFile(one))).toBe(false);
  });

  it('writes an adapter by itself, for a model that Ollama has', async () => {
    const [out, modelfile] = [join(directory, 'adapter.gguf'), join(directory, 'models', 'Modelfile')];
    await mkdir(join(directory, 'models'));
    const lora = ['--format', 'gguf-lora', '--modelfile', modelfile, '--from', 'qwen2.5:0.5b'];
    await exportCommand.run([...both, ...lora, '--out', out]);
    expect((await readFile(out)).toString('latin1', 0, 4)).toBe('GGUF');
    expect(await readFile(modelfile, 'utf8')).toMatch(
      /^FROM qwen2\.5:0\.5b\nADAPTER \.\.\/adapter\.gguf\nTEMPLATE /,
    );
  });

  it('writes ONNX into a folder', async () => {
    const out = join(directory, 'web');
    await exportCommand.run([...both, '--format', 'onnx', '--out', out]);
    expect((await readFile(join(out, 'onnx', 'model.onnx'))).length).toBeGreaterThan(1e5);
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
    const exporting = exportCommand.run(['--model', model, '--out', join(directory, 'refused'), ...options]);
    await expect(exporting).rejects.toThrow(message);
  });
});

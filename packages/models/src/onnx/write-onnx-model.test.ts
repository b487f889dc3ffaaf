import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../conformance/python.ts';
import { familyExpectations, familyGoldenNames, writeFamilyModel } from '../__fixtures__/family-goldens.ts';
import {
  type GoldenName,
  goldenDirectory,
  goldenTensors,
  temporaryDirectory,
} from '../__fixtures__/goldens.ts';
import { ExportError } from '../errors.ts';
import { readModelConfig } from '../read-config.ts';
import { largestDifference, logitsOf, runStep } from './__fixtures__/run-step.ts';
import { writeOnnxModel } from './write-onnx-model.ts';

const directory = temporaryDirectory();
let ort: typeof import('onnxruntime-node');
beforeAll(async () => {
  process.env.ORT_DISABLE_TELEMETRY = '1';
  ort = await import('onnxruntime-node');
});

/** Ids and logits [2, 20, vocabulary] that transformers gives for two rows, the second shorter. */
async function expectedOf(name: GoldenName) {
  const { input_ids: ids, lengths, logits } = await goldenTensors(name);
  const [rows, width, vocabulary] = logits!.shape as [number, number, number];
  const tokens = Array.from({ length: rows }, (_, row) =>
    Array.from({ length: Number(lengths!.get(row)) }, (_, position) => Number(ids!.get(row, position))),
  );
  const logitsAt = (row: number, position: number) => {
    const start = (row * width + position) * vocabulary;
    return (logits!.data as Float32Array).slice(start, start + vocabulary);
  };
  return { tokens, logitsAt };
}

const range = (length: number) => Array.from({ length }, (_, index) => index);

describe('writeOnnxModel', () => {
  it.each([
    ['llama-tied-bfloat16-rope-scaled', 2e9],
    ['qwen2-untied-float32-sharded', 0],
  ] as const)(
    "%s gives transformers' logits in plain onnxruntime, padded at the left and with a cache",
    async (name, inline) => {
      const folder = join(directory, name);
      const files = await writeOnnxModel(goldenDirectory(name), folder, { maximumInlineBytes: inline });
      expect(files.map((file) => file.slice(folder.length))).toEqual(
        inline === 0 ? ['/onnx/model.onnx', '/onnx/model.onnx_data'] : ['/onnx/model.onnx'],
      );
      const { config } = await readModelConfig(folder);
      const session = await ort.InferenceSession.create(files[0]!, { intraOpNumThreads: 1 });
      expect(session.inputNames.slice(0, 5)).toEqual([
        'input_ids',
        'attention_mask',
        'position_ids',
        'past_key_values.0.key',
        'past_key_values.0.value',
      ]);
      expect(session.outputNames.slice(0, 3)).toEqual(['logits', 'present.0.key', 'present.0.value']);

      const { tokens, logitsAt } = await expectedOf(name);
      const width = Math.max(...tokens.map((row) => row.length));
      const padding = tokens.map((row) => width - row.length);
      expect(Math.max(...padding)).toBeGreaterThan(0);
      const step = (start: number, end: number) => ({
        tokens: tokens.map((row, index) =>
          range(width)
            .map((at) => row[at - padding[index]!] ?? 0)
            .slice(start, end),
        ),
        mask: padding.map((count) => range(end).map((at) => (at < count ? 0 : 1))),
        positions: padding.map((count) =>
          range(width)
            .map((at) => Math.max(at - count, 0))
            .slice(start, end),
        ),
      });
      const compare = (logits: ReturnType<typeof logitsOf>, start: number, end: number) => {
        tokens.forEach((row, index) => {
          for (let at = Math.max(start, padding[index]!); at < end; at++) {
            const expected = logitsAt(index, at - padding[index]!);
            expect(largestDifference(logits(index, at - start), expected)).toBeLessThan(1e-4);
          }
          expect(row.length).toBeGreaterThan(4);
        });
      };
      compare(logitsOf(await runStep(ort, session, config, step(0, width))), 0, width);
      const first = await runStep(ort, session, config, step(0, width - 3));
      compare(logitsOf(first), 0, width - 3);
      const second = await runStep(ort, session, config, { ...step(width - 3, width), before: first });
      compare(logitsOf(second), width - 3, width);
      expect(second['present.1.key']!.dims).toEqual([2, config.keyValueHeadCount, width, config.headSize]);
      await session.release();
    },
  );

  it('brings what transformers.js reads beside the model', async () => {
    const [one, two] = [join(directory, 'inline'), join(directory, 'external')];
    const source = goldenDirectory('llama-untied-float16');
    await writeOnnxModel(source, one);
    await writeOnnxModel(source, two, { maximumInlineBytes: 0 });
    const files = ['chat_template.jinja', 'config.json', 'generation_config.json', 'tokenizer.json'];
    expect(await readdir(one)).toEqual(expect.arrayContaining([...files, 'onnx', 'tokenizer_config.json']));
    expect(await readdir(one)).not.toContain('model.safetensors');
    const configOf = async (folder: string) =>
      JSON.parse(await readFile(join(folder, 'config.json'), 'utf8'));
    expect(await configOf(one)).toMatchObject({ model_type: 'llama', dtype: 'float32' });
    expect(await configOf(one)).not.toHaveProperty('transformers.js_config');
    expect(await configOf(two)).toMatchObject({
      'transformers.js_config': { use_external_data_format: true },
    });
    expect(await readFile(join(one, 'tokenizer.json'))).toEqual(
      await readFile(join(source, 'tokenizer.json')),
    );
  });

  it.skipIf(pythonWith('onnxruntime') === undefined || pythonWith() === undefined)(
    "gives transformers' logits in Python's onnxruntime (skipped without it)",
    async () => {
      const name = 'qwen2-tied-bfloat16';
      const [file] = await writeOnnxModel(goldenDirectory(name), join(directory, name));
      const { tokens, logitsAt } = await expectedOf(name);
      const answer = await runPython('verify_onnx.py', [
        '--model',
        file!,
        '--input-ids',
        JSON.stringify([tokens[0]]),
      ]);
      const { logits } = answer as { logits: number[][][] };
      logits[0]!.forEach((row, position) => {
        expect(largestDifference(Float32Array.from(row), logitsAt(0, position))).toBeLessThan(1e-4);
      });
      expect(logits[0]!.length).toBe(tokens[0]!.length);
    },
  );

  const changing = ['llama-dynamic', 'phi3-longrope'];
  it.each(familyGoldenNames.filter((name) => !changing.includes(name)))(
    '%s continues in plain onnxruntime as in transformers',
    async (name) => {
      const source = await writeFamilyModel(name, join(directory, name));
      const [file] = await writeOnnxModel(source, join(directory, `${name}-onnx`));
      const { config } = await readModelConfig(source);
      const session = await ort.InferenceSession.create(file!, { intraOpNumThreads: 1 });
      const { prompts, continuations } = await familyExpectations(name);
      for (const [row, prompt] of prompts.entries()) {
        const answer: number[] = [];
        let before: Awaited<ReturnType<typeof runStep>> | undefined;
        let tokens = prompt;
        while (answer.length < continuations[row]!.length) {
          const end = prompt.length + answer.length;
          const positions = range(end).slice(end - tokens.length);
          const mask = [range(end).map(() => 1)];
          const step = { tokens: [tokens], mask, positions: [positions], ...(before && { before }) };
          before = await runStep(ort, session, config, step);
          const logits = logitsOf(before)(0, tokens.length - 1);
          tokens = [logits.indexOf(Math.max(...logits))];
          answer.push(tokens[0]!);
        }
        expect(answer).toEqual(continuations[row]);
      }
      await session.release();
    },
  );

  it.each(changing)('%s is refused: its positions change with the length', async (name) => {
    const source = await writeFamilyModel(name, join(directory, name));
    const writing = writeOnnxModel(source, join(directory, `${name}-onnx`));
    await expect(writing).rejects.toSatisfy(ExportError.isInstance);
    await expect(writing).rejects.toThrow('rotary positions change');
  });
});

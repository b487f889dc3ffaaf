import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { expect, it } from 'vitest';
import { goldenDirectory, goldenTensors, temporaryDirectory } from '../__fixtures__/goldens.ts';
import { readModelConfig } from '../read-config.ts';
import { largestDifference, logitsOf, runStep, type Session } from './__fixtures__/run-step.ts';
import { writeOnnxModel } from './write-onnx-model.ts';

const directory = temporaryDirectory();

it.each([
  ['llama-tied-bfloat16-rope-scaled', false],
  ['qwen2-tied-bfloat16', true],
] as const)("%s gives transformers' logits in onnxruntime-web", async (name, external) => {
  const folder = join(directory, name);
  const [model, data] = await writeOnnxModel(
    goldenDirectory(name),
    folder,
    external ? { maximumInlineBytes: 0 } : {},
  );
  // As a browser has them: bytes, with no file system.
  const externalData = data === undefined ? [] : [{ path: 'model.onnx_data', data: await readFile(data) }];
  ort.env.wasm.numThreads = 1;
  const session = await ort.InferenceSession.create(new Uint8Array(await readFile(model!)), {
    executionProviders: ['wasm'],
    externalData,
  });
  const { config } = await readModelConfig(folder);
  const { input_ids: ids, lengths, logits: expected } = await goldenTensors(name);
  const length = Number(lengths!.get(0));
  const tokens = Array.from({ length }, (_, position) => Number(ids!.get(0, position)));
  const step = (start: number, end: number) => ({
    tokens: [tokens.slice(start, end)],
    mask: [Array.from({ length: end }, () => 1)],
    positions: [Array.from({ length: end - start }, (_, index) => start + index)],
  });
  const [, , vocabulary] = expected!.shape as [number, number, number];
  const compare = (logits: ReturnType<typeof logitsOf>, start: number, end: number) => {
    for (let position = start; position < end; position++) {
      const row = (expected!.data as Float32Array).slice(position * vocabulary, (position + 1) * vocabulary);
      expect(largestDifference(logits(0, position - start), row)).toBeLessThan(1e-4);
    }
  };
  const runtime = ort as unknown as Parameters<typeof runStep>[0];
  const first = await runStep(runtime, session as unknown as Session, config, step(0, length - 2));
  compare(logitsOf(first), 0, length - 2);
  const second = await runStep(runtime, session as unknown as Session, config, {
    ...step(length - 2, length),
    before: first,
  });
  compare(logitsOf(second), length - 2, length);
  await session.release();
});

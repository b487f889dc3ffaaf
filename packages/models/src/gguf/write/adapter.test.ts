import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type HostArray, hostArray, openSafetensors, readTensor } from '@safetune/tensor';
import { describe, expect, it } from 'vitest';
import { type GoldenName, goldenDirectory, temporaryDirectory } from '../../__fixtures__/goldens.ts';
import { ExportError } from '../../errors.ts';
import { parseGguf } from './__fixtures__/parse-gguf.ts';
import { type LowRankModule, writeGgufAdapter } from './adapter.ts';
import type { GgufTensorType } from './tensor-bytes.ts';

const directory = temporaryDirectory();
const goldens = fileURLToPath(new URL('../../../../../conformance/goldens', import.meta.url));

interface Expected {
  readonly adapter: string;
  readonly checkpoint: GoldenName;
  readonly type: GgufTensorType;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly tensors: Readonly<Record<string, { type: string; shape: number[]; sha256: string }>>;
}

const { adapters }: { adapters: Expected[] } = JSON.parse(
  await readFile(join(goldens, 'gguf', 'expected.json'), 'utf8'),
);

/** The modules of an adapter that peft saved. */
async function modulesOf(name: string): Promise<LowRankModule[]> {
  const folder = join(goldens, 'adapters', name);
  const config = JSON.parse(await readFile(join(folder, 'adapter_config.json'), 'utf8'));
  const { tensors } = await openSafetensors(join(folder, 'adapter_model.safetensors'));
  const names = [...tensors.keys()].filter((key) => key.endsWith('.lora_A.weight'));
  return Promise.all(
    names.map(async (key) => {
      const a = await readTensor(tensors.get(key)!);
      const b = await readTensor(tensors.get(key.replace('lora_A', 'lora_B'))!);
      const [rank, inFeatures] = a.shape as [number, number];
      const scale = config.lora_alpha / (config.use_rslora ? Math.sqrt(rank) : rank);
      const module = key.replace('base_model.model.', '').replace('.lora_A.weight', '');
      return { name: module, inFeatures, outFeatures: b.shape[0]!, rank, scale, a, b };
    }),
  );
}

describe('writeGgufAdapter', () => {
  it.each(adapters)("$adapter is what llama.cpp's converter makes of it", async (expected) => {
    const path = join(directory, `${expected.adapter}.gguf`);
    await writeGgufAdapter(goldenDirectory(expected.checkpoint), await modulesOf(expected.adapter), path, {
      type: expected.type,
    });
    const { metadata, tensors } = await parseGguf(path);
    expect(metadata).toEqual(expected.metadata);
    const facts = Object.entries(tensors).map(([name, { bytes: _, ...tensor }]) => [name, tensor]);
    expect(Object.fromEntries(facts)).toEqual(expected.tensors);
  });

  it('gives every module its own scale where ranks and alphas differ', async () => {
    const factor = (rows: number, columns: number): HostArray =>
      hostArray(
        Float32Array.from({ length: rows * columns }, (_, index) => Math.sin(index + rows)),
        [rows, columns],
      );
    const module = (name: string, rank: number, scale: number, outFeatures: number): LowRankModule => ({
      name: `model.layers.0.self_attn.${name}`,
      inFeatures: 32,
      outFeatures,
      rank,
      scale,
      a: factor(rank, 32),
      b: factor(outFeatures, rank),
    });
    // The first is switched off: its alpha of 0 would mean none to llama.cpp.
    const modules = [module('o_proj', 2, 0, 32), module('v_proj', 3, 4, 16), module('q_proj', 2, 1.5, 32)];
    const path = join(directory, 'scales.gguf');
    await writeGgufAdapter(goldenDirectory('llama-untied-float32'), modules, path);
    const { metadata, tensors } = await parseGguf(path);
    const alpha = metadata['adapter.lora.alpha'] as number;
    const names = { o_proj: 'attn_output', v_proj: 'attn_v', q_proj: 'attn_q' };
    for (const { name, rank, scale, outFeatures, b } of modules) {
      const place = names[name.split('.').at(-1) as keyof typeof names];
      const { bytes } = tensors[`blk.0.${place}.weight.lora_b`]!;
      const written = new Float32Array(new Uint8Array(bytes).buffer);
      // Rows of queries are interleaved: 4 heads of 8 rows.
      const rowOf = (row: number) =>
        place === 'attn_q' ? (row & ~7) + 2 * (row % 4) + ((row % 8) >> 2) : row;
      for (let row = 0; row < outFeatures; row++) {
        for (let column = 0; column < rank; column++) {
          const effective = (alpha / rank) * written[rowOf(row) * rank + column]!;
          expect(effective).toBeCloseTo(scale * Number(b.get(row, column)), 5);
        }
      }
    }
  });

  it('refuses an adapter of another model, and one of nothing', async () => {
    const [module] = await modulesOf('llama-lora-query-value');
    const write = (modules: readonly LowRankModule[]) =>
      writeGgufAdapter(goldenDirectory('llama-untied-float32'), modules, join(directory, 'refused.gguf'));
    const elsewhere = write([{ ...module!, name: 'model.layers.7.self_attn.q_proj' }]);
    await expect(elsewhere).rejects.toSatisfy(ExportError.isInstance);
    await expect(elsewhere).rejects.toThrow("'model.layers.7.self_attn.q_proj'");
    await expect(write([{ ...module!, inFeatures: 31 }])).rejects.toThrow('of another model');
    await expect(write([])).rejects.toThrow('changes no linear layer');
  });
});

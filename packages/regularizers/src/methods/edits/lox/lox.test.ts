import { access, cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  findTensor,
  type HostArray,
  hostArray,
  openCheckpoint,
  openSafetensors,
  readTensor,
  readTensorBytes,
  writeSafetensors,
} from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pythonWith, runPython } from '../../../../../../conformance/python.ts';
import {
  extrapolateCheckpoint,
  extrapolateWeight,
  RegularizerOptionError,
  SafetyDirectionError,
} from '../../../index.ts';

/** Made by conformance/make_weight_edits.py. */
const goldens = fileURLToPath(new URL('../../../../../../conformance/goldens/', import.meta.url));
const golden = (name: string) => join(goldens, 'weight-edits', name);
const { lox: expected } = JSON.parse(await readFile(golden('expected.json'), 'utf8')) as {
  lox: { rank: number; factor: number; energies: Record<string, number | null> };
};
const pair = {
  base: join(goldens, 'checkpoints', 'qwen2-tied-bfloat16'),
  aligned: join(goldens, 'safe-lora', 'aligned'),
};

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'safetune-lox-'));
});
afterAll(() => rm(directory, { recursive: true }));

/** ||actual - wanted|| / ||wanted - before||: as a share of how far the weight is moved. */
function distance(actual: HostArray, wanted: HostArray, before: HostArray): number {
  let [difference, moved] = [0, 0];
  for (let at = 0; at < wanted.size; at++) {
    difference += (Number(actual.data[at]) - Number(wanted.data[at])) ** 2;
    moved += (Number(wanted.data[at]) - Number(before.data[at])) ** 2;
  }
  return moved === 0 ? Math.sqrt(difference) : Math.sqrt(difference / moved);
}

describe('extrapolateCheckpoint', () => {
  it('moves every matrix as PyTorch does by its SVD, and copies all else', async () => {
    const out = join(directory, 'golden');
    const report = await extrapolateCheckpoint({ ...pair, out, dtype: 'float32' });
    const [aligned, written] = [await openCheckpoint(pair.aligned), await openCheckpoint(out)];
    const wanted = await openSafetensors(golden('lox.safetensors'));
    for (const [name, region] of wanted.tensors) {
      const before = await readTensor(findTensor(aligned, name));
      const now = await readTensor(findTensor(written, name));
      expect(distance(now, await readTensor(region), before), name).toBeLessThan(1e-4);
      const row = report.find((one) => `${one.name}.weight` === name)!;
      const energy = expected.energies[name]!;
      if (energy === null) expect(row).toMatchObject({ norm: 0, energy: Number.NaN });
      else expect(row.energy).toBeCloseTo(energy, 4);
    }
    for (const [name, region] of aligned.tensors) {
      if (region.shape.length === 2) continue;
      expect(await readTensorBytes(findTensor(written, name)), name).toEqual(await readTensorBytes(region));
    }
    expect(report.length).toBe(
      [...aligned.tensors.values()].filter(({ shape }) => shape.length === 2).length,
    );
    expect(await readFile(join(out, 'tokenizer.json'), 'utf8').catch(() => 'none')).toBe(
      await readFile(join(pair.aligned, 'tokenizer.json'), 'utf8').catch(() => 'none'),
    );
  });

  it('rounds to the stored type, and leaves the embedding when told', async () => {
    const out = join(directory, 'stored');
    const report = await extrapolateCheckpoint({ ...pair, out, embeddings: false, rank: 'full', factor: 1 });
    const [base, aligned, written] = [
      await openCheckpoint(pair.base),
      await openCheckpoint(pair.aligned),
      await openCheckpoint(out),
    ];
    const embedding = 'model.embed_tokens.weight';
    expect(await readTensorBytes(findTensor(written, embedding))).toEqual(
      await readTensorBytes(findTensor(aligned, embedding)),
    );
    expect(report.some(({ name }) => name === 'model.embed_tokens')).toBe(false);
    const name = 'model.layers.1.self_attn.q_proj.weight';
    const of = async (checkpoint: typeof base) => readTensor(findTensor(checkpoint, name));
    const [before, after, now] = [await of(base), await of(aligned), await of(written)];
    expect(findTensor(written, name).dtype).toBe('bfloat16');
    for (let at = 0; at < now.size; at++) {
      const exact = 2 * Number(after.data[at]) - Number(before.data[at]);
      expect(Math.abs(Number(now.data[at]) - exact)).toBeLessThanOrEqual(Math.abs(exact) * 2 ** -8);
    }
  });

  it('refuses what does not fit before a file is written', async () => {
    const out = join(directory, 'refused');
    const other = join(goldens, 'checkpoints', 'llama-untied-float32');
    const attempts: [Parameters<typeof extrapolateCheckpoint>[0], RegExp | string][] = [
      [{ ...pair, base: pair.aligned, out }, 'equals'],
      [{ ...pair, base: other, out }, /model|tensor/],
      [{ ...pair, out, rank: 0 }, 'rank is 0'],
      [{ ...pair, out, factor: -1 }, 'factor is -1'],
      [{ ...pair, out: '' }, 'out is missing'],
      [{ ...pair, out, fraktor: 2 } as never, "Did you mean 'factor'"],
    ];
    for (const [options, message] of attempts)
      await expect(extrapolateCheckpoint(options), String(message)).rejects.toThrow(message);
    await expect(access(out)).rejects.toThrow();
  });
});

describe('extrapolateWeight', () => {
  const matrix = (...values: number[]) => hostArray(Float32Array.from(values), [2, 2]);

  it('goes on along the strongest direction alone, and changes neither array', async () => {
    const [base, aligned] = [matrix(1, 1, 1, 1), matrix(4, 1, 1, 2)];
    const { values, energy } = await extrapolateWeight({ base, aligned }, { rank: 1, factor: 2 });
    const wanted = [10, 1, 1, 2];
    wanted.forEach((value, at) => {
      expect(values.data[at]).toBeCloseTo(value, 5);
    });
    expect(energy).toBeCloseTo(0.9, 6);
    expect([...(aligned.data as Float32Array)]).toEqual([4, 1, 1, 2]);
  });

  it('refuses equal, unlike and damaged weights, and strengths without a meaning', async () => {
    const [base, aligned] = [matrix(1, 1, 1, 1), matrix(4, 1, 1, 2)];
    const wide = hostArray(new Float32Array(6), [2, 3]);
    await expect(extrapolateWeight({ base, aligned: base })).rejects.toSatisfy(
      SafetyDirectionError.isInstance,
    );
    await expect(extrapolateWeight({ base, aligned: wide })).rejects.toThrow(/one shape/);
    await expect(extrapolateWeight({ base, aligned: matrix(Number.NaN, 1, 1, 1) })).rejects.toThrow(/NaN/);
    for (const strength of [{ rank: 1.5 }, { factor: Number.NaN }, { rank: 'all' as never }])
      await expect(extrapolateWeight({ base, aligned }, strength)).rejects.toSatisfy(
        RegularizerOptionError.isInstance,
      );
  });
});

const python = pythonWith('torch', 'safetensors');
describe.skipIf(python === undefined)('against PyTorch (skipped: no Python with torch)', () => {
  it('moves matrices that are too large to decompose whole as their SVD does', async () => {
    const [base, aligned] = [join(directory, 'wide-base'), join(directory, 'wide-aligned')];
    const shape = [220, 150];
    const before = decaying(shape, 3);
    const change = decaying(shape, 5, 0.7);
    const after = before.map((value, at) => value + 0.1 * change[at]!);
    for (const [folder, values] of [
      [base, before],
      [aligned, after],
    ] as const) {
      await cp(join(pair.base, 'config.json'), join(folder, 'config.json'));
      await writeSafetensors(join(folder, 'model.safetensors'), {
        'model.layers.0.mlp.up_proj.weight': hostArray(values, shape),
        'model.norm.weight': hostArray(values.slice(0, 8), [8]),
      });
      await writeFile(join(folder, 'LICENSE'), 'as it was');
    }
    const out = join(directory, 'wide');
    await extrapolateCheckpoint({ base, aligned, out, rank: 4, factor: 0.5 });
    const paths = ['--base', base, '--aligned', aligned, '--written', out];
    const found = (await runPython('verify_weight_edits.py', [
      'lox',
      ...paths,
      '--rank',
      '4',
      '--factor',
      '0.5',
    ])) as { compared: number; largest: number };
    expect(found.compared).toBe(2);
    // The leading space of a large matrix is found by iteration, to 1e-6 of its energy.
    expect(found.largest).toBeLessThan(5e-3);
    expect(await readFile(join(out, 'LICENSE'), 'utf8')).toBe('as it was');
  });
});

/** A sum of twenty outer products of random vectors, each `decay` times the one before. */
function decaying([rows, columns]: number[], seed: number, decay = 0.9): Float32Array<ArrayBuffer> {
  let state = seed;
  const draw = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
  const data = new Float32Array(rows! * columns!);
  for (let term = 0; term < 20; term++) {
    const [left, right] = [Array.from({ length: rows! }, draw), Array.from({ length: columns! }, draw)];
    data.forEach((_, at) => {
      data[at]! += decay ** term * left[Math.floor(at / columns!)]! * right[at % columns!]!;
    });
  }
  return data;
}

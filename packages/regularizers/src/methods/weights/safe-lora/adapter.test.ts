import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { copyLoraAdapter, createLoraAdapter, loadLoraAdapter } from '@safetune/lora';
import {
  type HostArray,
  hostArray,
  openCheckpoint,
  openSafetensors,
  readTensor,
  ShapeError,
  writeSafetensors,
} from '@safetune/tensor';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  projectAdapter,
  projectAdapterFiles,
  projectModule,
  RegularizerOptionError,
  SafetyDirectionError,
  safetyAlignment,
} from '../../../index.ts';

/** Made by conformance/make_safe_lora.py. */
const goldens = fileURLToPath(new URL('../../../../../../conformance/goldens/', import.meta.url));
const folder = join(goldens, 'safe-lora');
const expected = JSON.parse(await readFile(join(folder, 'expected.json'), 'utf8')) as {
  base: string;
  threshold: number;
  layers: number;
  modules: { name: string; cosine: number | null; normKept: number | null }[];
  projectedByThreshold: string[];
  projectedByLayers: string[];
};
const pair = { base: join(goldens, 'checkpoints', expected.base), aligned: join(folder, 'aligned') };
const projectedTensors = await openSafetensors(join(folder, 'expected.safetensors'));

let temporary: string;
beforeAll(async () => {
  temporary = await mkdtemp(join(tmpdir(), 'safetune-safe-lora-'));
});
afterAll(() => rm(temporary, { recursive: true }));

function relativeError(actual: HostArray, wanted: HostArray): number {
  let [difference, size] = [0, 0];
  for (let index = 0; index < wanted.size; index++) {
    difference += (Number(actual.data[index]) - Number(wanted.data[index])) ** 2;
    size += Number(wanted.data[index]) ** 2;
  }
  return Math.sqrt(difference / size);
}

describe('projectAdapter against the reference arithmetic in PyTorch', () => {
  it.each([
    ['threshold', { threshold: expected.threshold }, expected.projectedByThreshold],
    ['number of layers', { layers: expected.layers }, expected.projectedByLayers],
  ] as const)(
    'gives the same B, cosine and decision per module, by %s',
    async (_rule, rule, projectedNames) => {
      const adapter = await loadLoraAdapter(join(folder, 'adapter'));
      const before = copyLoraAdapter(adapter);
      const { modules } = await projectAdapter(adapter, { ...pair, ...rule });
      expect(modules.map(({ name }) => name).sort()).toEqual(expected.modules.map(({ name }) => name).sort());
      const decided = modules.filter(({ projected }) => projected).map(({ name }) => name);
      expect(decided.sort()).toEqual([...projectedNames].sort());
      for (const [index, module] of modules.entries()) {
        const golden = expected.modules.find(({ name }) => name === module.name)!;
        const now = adapter.modules[index]!;
        if (golden.cosine === null) {
          expect(module).toMatchObject({ cosine: Number.NaN, normKept: Number.NaN, projected: false });
        } else {
          expect(Math.abs(module.cosine - golden.cosine)).toBeLessThan(1e-4 * Math.abs(golden.cosine));
          expect(Math.abs(module.normKept - golden.normKept!)).toBeLessThan(1e-4 * golden.normKept!);
        }
        const wanted = module.projected
          ? await readTensor(projectedTensors.tensors.get(`${module.name}.projected`)!)
          : before.modules[index]!.b;
        expect(relativeError(now.b, wanted), module.name).toBeLessThan(
          module.projected ? 1e-4 : Number.MIN_VALUE,
        );
        expect(now.a.data).toEqual(before.modules[index]!.a.data);
      }
    },
  );

  it('matches by name: an adapter with its modules in another order gets the same', async () => {
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    const turned = { ...adapter, modules: [...adapter.modules].reverse() };
    const forwards = await safetyAlignment(adapter, pair);
    const backwards = await safetyAlignment(turned, pair);
    expect([...backwards].reverse()).toEqual(forwards);
  });

  it('safetyAlignment reports without changing the adapter', async () => {
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    const before = adapter.parameters.slice();
    const rows = await safetyAlignment(adapter, pair);
    expect(rows[0]!.cosine).toBeCloseTo(
      expected.modules.find(({ name }) => name === rows[0]!.name)!.cosine!,
      4,
    );
    expect(adapter.parameters).toEqual(before);
  });

  it('projects the files of an adapter trained in Python into files', async () => {
    const out = join(temporary, 'projected');
    const report = await projectAdapterFiles({ ...pair, adapter: join(folder, 'adapter'), out, layers: 5 });
    const written = await loadLoraAdapter(out);
    const { name } = report.modules.find(({ projected }) => projected)!;
    const wanted = await readTensor(projectedTensors.tensors.get(`${name}.projected`)!);
    expect(relativeError(written.modules.find((module) => module.name === name)!.b, wanted)).toBeLessThan(
      1e-4,
    );
    expect(written.config.rank_pattern).toEqual({ k_proj: 2, down_proj: 6 });
  });
});

describe('exact', () => {
  it('is idempotent, keeps the best part, and never makes an update longer', async () => {
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    const options = { ...pair, method: 'exact', rank: 6, threshold: 1 } as const;
    const first = await projectAdapter(adapter, options);
    const once = adapter.parameters.slice();
    const second = await projectAdapter(adapter, options);
    for (const { normKept, cosine } of first.modules.filter(({ projected }) => projected)) {
      expect(normKept).toBeLessThanOrEqual(1 + 1e-6);
      // Of an orthogonal projection, cosine and norm kept are the same number.
      expect(cosine).toBeCloseTo(normKept, 5);
    }
    for (const { normKept, cosine } of second.modules.filter(({ projected }) => projected)) {
      expect(normKept).toBeCloseTo(1, 5);
      expect(cosine).toBeCloseTo(1, 5);
    }
    expect(
      relativeError(hostArray(adapter.parameters, [once.length]), hostArray(once, [once.length])),
    ).toBeLessThan(1e-5);
  });

  it('leaves everything when all of a full-rank V is kept, and less when less energy is', async () => {
    const [base, aligned] = [await openCheckpoint(pair.base), await openCheckpoint(pair.aligned)];
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    const { name, a, b } = adapter.modules[0]!;
    const arrays = {
      a,
      b,
      base: await readTensor(base.tensors.get(`${name}.weight`)!),
      aligned: await readTensor(aligned.tensors.get(`${name}.weight`)!),
    };
    const kept = [];
    for (const energy of [0.5, 0.9, 1])
      kept.push((await projectModule(arrays, { method: 'exact', energy })).normKept);
    expect(kept[0]).toBeLessThan(kept[1]! - 0.01);
    expect(kept[1]).toBeLessThan(kept[2]! - 0.01);
    expect(kept[2]).toBeCloseTo(1, 5);
  });
});

it('projectModule computes C B of plain arrays and changes none of them', async () => {
  // V = [[1, 0], [0, 2]], C = diag(1, 4) / sqrt 5.
  const arrays = {
    base: hostArray(Float32Array.of(1, 1, 1, 1), [2, 2]),
    aligned: hostArray(Float32Array.of(2, 1, 1, 3), [2, 2]),
    a: hostArray(Float32Array.of(3, 4), [1, 2]),
    b: hostArray(Float32Array.of(1, 1), [2, 1]),
  };
  const { projected, cosine, normKept } = await projectModule(arrays);
  expect(projected.data[0]).toBeCloseTo(1 / Math.sqrt(5), 6);
  expect(projected.data[1]).toBeCloseTo(4 / Math.sqrt(5), 6);
  expect(cosine).toBeCloseTo(5 / Math.sqrt(2 * 17), 6);
  expect(normKept).toBeCloseTo(Math.sqrt(17 / 5 / 2), 6);
  expect([...(arrays.aligned.data as Float32Array)]).toEqual([2, 1, 1, 3]);

  // The same from plain lists of numbers, and from a view of a wider matrix of float64.
  const list = ({ data, shape }: HostArray) => ({ data: Array.from(data, Number), shape });
  const { a, b, base, aligned } = arrays;
  const plain = { a: list(a), b: list(b), base: list(base), aligned: list(aligned) };
  const wide = hostArray(Float64Array.of(9, 2, 1, 9, 1, 3), [2, 3]);
  expect((await projectModule(plain)).projected.data).toEqual(projected.data);
  expect((await projectModule({ ...plain, aligned: wide.lo(0, 1) })).projected.data).toEqual(projected.data);
  await expect(projectModule({ ...plain, a: { data: [3], shape: [1, 2] } })).rejects.toThrow(ShapeError);

  await expect(projectModule({ ...arrays, aligned: arrays.base })).rejects.toThrow(SafetyDirectionError);
  await expect(projectModule({ ...arrays, a: hostArray(new Float32Array(3), [1, 3]) })).rejects.toThrow(
    /fit together/,
  );
});

it('an untrained adapter (B = 0) is left zero and counts as kept', async () => {
  const trained = await loadLoraAdapter(join(folder, 'adapter'));
  const adapter = createLoraAdapter(trained.modules, trained.config);
  const { modules } = await projectAdapter(adapter, { ...pair, threshold: 0.5 });
  expect(modules[0]).toMatchObject({ cosine: 0, projected: true, normKept: 1 });
  expect(adapter.modules.every(({ b }) => (b.data as Float32Array).every((value) => value === 0))).toBe(true);
});

describe('refusals', () => {
  const q = 'model.layers.0.self_attn.q_proj';

  async function variant(
    name: string,
    change: (tensors: Record<string, HostArray>) => void,
  ): Promise<string> {
    const checkpoint = await openCheckpoint(pair.aligned);
    const tensors: Record<string, HostArray> = {};
    for (const [key, region] of checkpoint.tensors) tensors[key] = await readTensor(region);
    change(tensors);
    const directory = join(temporary, name);
    await cp(join(pair.aligned, 'config.json'), join(directory, 'config.json'));
    await writeSafetensors(join(directory, 'model.safetensors'), tensors);
    return directory;
  }

  it.each([
    ['missing', (tensors: Record<string, HostArray>) => delete tensors[`${q}.weight`]],
    [
      'shape',
      (tensors: Record<string, HostArray>) => {
        tensors[`${q}.weight`] = hostArray(new Float32Array(64), [2, 32]);
      },
    ],
    [
      'not-finite',
      (tensors: Record<string, HostArray>) => {
        (tensors[`${q}.weight`]!.data as Float32Array)[5] = Number.NaN;
      },
    ],
    [
      'dtype',
      (tensors: Record<string, HostArray>) => {
        tensors[`${q}.weight`] = hostArray(new Int32Array(32 * 32), [32, 32]);
      },
    ],
  ] as const)(
    'a weight that is wrong (%s) is named with its file, and the adapter is left as it was',
    async (problem, change) => {
      const aligned = await variant(problem, change);
      const adapter = await loadLoraAdapter(join(folder, 'adapter'));
      const before = adapter.parameters.slice();
      const error = await projectAdapter(adapter, { base: pair.base, aligned }).catch(
        (thrown: unknown) => thrown,
      );
      expect(SafetyDirectionError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({ problem, module: q });
      expect((error as SafetyDirectionError).file).toContain(aligned);
      expect(adapter.parameters).toEqual(before);
    },
  );

  it('the same checkpoint twice has no safety direction', async () => {
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    await expect(projectAdapter(adapter, { base: pair.base, aligned: pair.base })).rejects.toMatchObject({
      problem: 'identical',
    });
  });

  it('an adapter of another model', async () => {
    const adapter = createLoraAdapter(
      [{ name: 'model.layers.7.self_attn.q_proj', inFeatures: 8, outFeatures: 8 }],
      { target_modules: ['q_proj'] },
    );
    await expect(projectAdapter(adapter, pair)).rejects.toThrow(/layers\.7.*another model/);
  });

  it('options out of range', async () => {
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    const wrong = [
      { threshold: 1.5 },
      { threshold: Number.NaN },
      { layers: 0 },
      { layers: 3, threshold: 0.5 },
      { method: 'exact' },
      { method: 'exact', rank: 0 },
      { method: 'exact', energy: 1.2 },
      { method: 'exact', energy: 0.5, rank: 3 },
    ];
    for (const options of wrong) {
      await expect(projectAdapter(adapter, { ...pair, ...options } as never)).rejects.toThrow(
        RegularizerOptionError,
      );
    }
  });

  it('a broken index is an error of the checkpoint', async () => {
    const directory = join(temporary, 'broken');
    await cp(pair.aligned, directory, { recursive: true });
    await writeFile(join(directory, 'model.safetensors.index.json'), '{');
    const adapter = await loadLoraAdapter(join(folder, 'adapter'));
    await expect(projectAdapter(adapter, { base: pair.base, aligned: directory })).rejects.toThrow(/index/);
  });
});
